//! The plainest way to compute each thing: index arithmetic over row-major vectors, in double precision.

use tensor::{Float, Tensor};

/// Row-major sizes and elements.
#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<f64>,
}

impl Naive {
    /// Reads a tensor an element at a time.
    pub(crate) fn of<T: Float>(x: &Tensor<T>) -> Naive {
        Naive::from_fn(x.shape(), |i| x.get(i).expect("in range").to_f64())
    }

    pub(crate) fn from_fn(shape: &[usize], f: impl FnMut(&[usize]) -> f64) -> Naive {
        Naive { shape: shape.to_vec(), data: indices(shape).iter().map(|i| &i[..]).map(f).collect() }
    }

    pub(crate) fn at(&self, index: &[usize]) -> f64 {
        let place = index.iter().zip(&self.shape).fold(0, |at, (&i, &size)| at * size + i);
        self.data[place]
    }

    /// The element that broadcasting puts at `index` of a larger shape.
    pub(crate) fn stretched(&self, index: &[usize]) -> f64 {
        let tail = &index[index.len() - self.shape.len()..];
        let own: Vec<usize> = tail.iter().zip(&self.shape).map(|(&i, &size)| if size == 1 { 0 } else { i }).collect();
        self.at(&own)
    }

    /// f over the elements along the axes marked `true`, which are dropped.
    pub(crate) fn reduce(&self, reduced: &[bool], f: impl Fn(&[f64]) -> f64) -> Naive {
        let kept = |index: &[usize]| -> Vec<usize> {
            index.iter().zip(reduced).filter(|(_, r)| !**r).map(|(&i, _)| i).collect()
        };
        Naive::from_fn(&kept(&self.shape), |at| {
            let group = indices(&self.shape).into_iter().filter(|i| kept(i) == at);
            f(&group.map(|i| self.at(&i)).collect::<Vec<_>>())
        })
    }
}

/// Every index of a shape, in row-major order.
pub(crate) fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |prefixes, &size| {
        prefixes.iter().flat_map(|prefix| (0..size).map(|i| [&prefix[..], &[i]].concat())).collect()
    })
}

/// Checks a tensor against the naive result, to `ulps` roundings of the larger of 1 and the value.
#[track_caller]
pub(crate) fn same<T: Float>(what: &str, got: &Tensor<T>, expected: &Naive, ulps: f64) {
    assert_eq!(got.shape().to_vec(), expected.shape, "{what}: shape");
    let tolerance = ulps * T::EPSILON.to_f64();
    for (i, (got, &expected)) in got.to_vec().into_iter().zip(&expected.data).enumerate() {
        let got = got.to_f64();
        let close = (got - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(
            close || got == expected || (got.is_nan() && expected.is_nan()),
            "{what}: element {i}: {got}, expected {expected}"
        );
    }
}

/// The error function by a series of positive terms: 2/√π·e^(−x²)·Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·5···(2n + 1)).
pub(crate) fn erf(x: f64) -> f64 {
    let terms = (1..100).scan(x, |term, n| {
        let now = *term;
        *term *= 2.0 * x * x / f64::from(2 * n + 1);
        Some(now)
    });
    terms.sum::<f64>() * (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI
}
