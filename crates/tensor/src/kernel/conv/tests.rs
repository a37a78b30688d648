use proptest::prelude::*;

use super::*;
use crate::kernel::tests::{noise, pool};

/// Sizes, with an output that may ask for more than the padded image has.
fn sizes() -> impl Strategy<Value = Sizes> {
    let axis = || (0..12usize, 1..5usize, 1..4usize, 0..4usize, 1..4usize, 0..3usize);
    (0..3usize, 1..4usize, 0..4usize, 0..7usize, axis(), axis()).prop_map(|(n, groups, c, o, down, across)| {
        let axes = [down, across].map(|(input, kernel, stride, padding, dilation, more)| {
            let room = (input + 2 * padding).checked_sub(dilation * (kernel - 1) + 1);
            let output = room.map_or(0, |room| room / stride + 1);
            [input, kernel, output + if more == 2 { 1 } else { 0 }, stride, padding, dilation]
        });
        let [input, kernel, output, stride, padding, dilation] = std::array::from_fn(|i| axes.map(|axis| axis[i]));
        Sizes { n, groups, c, o, input, kernel, output, stride, padding, dilation }
    })
}

/// Calls `f(x, w, y)` with the positions of every product.
fn each_product(sizes: &Sizes, mut f: impl FnMut(usize, usize, usize)) {
    let Sizes { n, groups, c, o, input: [h, w], kernel: [kh, kw], output: [oh, ow], stride, padding, dilation } =
        *sizes;
    let all = [n, groups, o, c, oh, ow, kh, kw];
    for number in 0..all.iter().product() {
        let mut rest = number;
        let [b, g, o_, c_, i, j, u, v] = {
            let mut at = all.map(|_| 0);
            for (at, size) in at.iter_mut().zip(all).rev() {
                (*at, rest) = (rest % size, rest / size);
            }
            at
        };
        let row = (i * stride[0] + u * dilation[0]).checked_sub(padding[0]).filter(|&row| row < h);
        let col = (j * stride[1] + v * dilation[1]).checked_sub(padding[1]).filter(|&col| col < w);
        let (Some(row), Some(col)) = (row, col) else { continue };
        let (from, to) = ((b * groups + g) * c + c_, (b * groups + g) * o + o_);
        let place = (((g * o + o_) * c + c_) * kh + u) * kw + v;
        f((from * h + row) * w + col, place, (to * oh + i) * ow + j);
    }
}

#[derive(Debug)]
struct Case<T> {
    sizes: Sizes,
    x: Vec<T>,
    w: Vec<T>,
    y: Vec<T>,
    bias: Vec<T>,
}

impl<T: Float> Case<T> {
    /// Small integers, of which sums are exact.
    fn new(sizes: Sizes, seed: u64) -> Case<T> {
        let mut noise = noise::<f64>(seed);
        let mut take = |len| (0..len).map(|_| T::from_f64((noise() * 4.4).round())).collect();
        let Sizes { n, groups, c, o, .. } = sizes;
        let [area, places, out_area] = sizes.areas();
        Case {
            sizes,
            x: take(n * groups * c * area),
            w: take(groups * o * c * places),
            y: take(n * groups * o * out_area),
            bias: take(groups * o),
        }
    }

    /// The value with and without a bias, and both gradients for y as the incoming one.
    fn run(&self) -> [Vec<T>; 4] {
        let Case { sizes, x, w, y, bias } = self;
        let make = |len: usize, f: &dyn Fn(&mut [T])| {
            let mut out = vec![T::NAN; len];
            f(&mut out);
            out
        };
        [
            make(y.len(), &|out| conv(sizes, x, w, None, out)),
            make(y.len(), &|out| conv(sizes, x, w, Some(bias), out)),
            make(x.len(), &|out| conv_input(sizes, y, w, out)),
            make(w.len(), &|out| conv_weight(sizes, x, y, out)),
        ]
    }

    fn naive(&self) -> [Vec<T>; 4] {
        let Case { sizes, x, w, y, bias } = self;
        let area = sizes.areas()[2].max(1);
        let with_bias = (0..y.len()).map(|i| bias[i / area % bias.len()]).collect();
        let [mut value, mut biased] = [vec![T::ZERO; y.len()], with_bias];
        let [mut of_x, mut of_w] = [vec![T::ZERO; x.len()], vec![T::ZERO; w.len()]];
        each_product(sizes, |at_x, at_w, at_y| {
            value[at_y] += x[at_x] * w[at_w];
            biased[at_y] += x[at_x] * w[at_w];
            of_x[at_x] += y[at_y] * w[at_w];
            of_w[at_w] += y[at_y] * x[at_x];
        });
        [value, biased, of_x, of_w]
    }
}

proptest! {
    #[test]
    fn agrees_with_loops(sizes in sizes(), seed: u64) {
        let case = Case::<f32>::new(sizes, seed);
        prop_assert_eq!(case.run(), case.naive());
        let case = Case::<f64>::new(sizes, seed);
        prop_assert_eq!(case.run(), case.naive());
    }
}

fn square(n: usize, [groups, c, o]: [usize; 3], input: usize, kernel: usize, [stride, padding]: [usize; 2]) -> Sizes {
    let output = (input + 2 * padding - kernel) / stride + 1;
    let two = |size| [size, size];
    Sizes {
        n,
        groups,
        c,
        o,
        input: two(input),
        kernel: two(kernel),
        output: two(output),
        stride: two(stride),
        padding: two(padding),
        dilation: [1, 1],
    }
}

/// Several blocks of channels, several bands, rows far apart, and many images.
#[test]
fn large_ones_agree() {
    for sizes in [
        square(1, [1, 70, 20], 20, 3, [1, 1]),
        square(1, [1, 3, 5], 150, 3, [1, 1]),
        square(2, [1, 3, 33], 70, 4, [2, 1]),
        square(11, [1, 6, 20], 12, 5, [1, 0]),
        square(1, [1, 2, 5], 400, 1, [1, 0]),
        square(3, [1, 600, 2], 6, 1, [1, 0]),
        square(2, [5, 1, 1], 30, 3, [1, 1]),
    ] {
        let case = Case::<f32>::new(sizes, 3);
        for (i, (got, want)) in case.run().into_iter().zip(case.naive()).enumerate() {
            let wrong = (0..got.len()).find(|&at| got[at] != want[at]);
            assert!(wrong.is_none(), "{sizes:?}, result {i}, element {wrong:?}");
        }
    }
}

#[test]
fn threads_do_not_change_bits() {
    let sizes = square(23, [2, 5, 9], 17, 3, [1, 1]);
    let mut case = Case::<f32>::new(sizes, 5);
    let mut noise = noise(9);
    [&mut case.x, &mut case.w, &mut case.y].into_iter().flatten().for_each(|x| *x = noise());
    let one = pool(1).install(|| case.run());
    for threads in 2..=4 {
        assert_eq!(pool(threads).install(|| case.run()), one, "{threads} threads");
    }
}
