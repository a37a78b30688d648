//! Matrix products of all sizes and layouts, and where their rate falls off a cliff.
//!
//! ```sh
//! cargo bench --bench sweep -- --max 256 --layout NT
//! ```
//!
//! The sizes are 1, 2, 3, 4, 5, 7, 8, 9, … 2^i − 1, 2^i, 2^i + 1 up to `--max`, in each of the three dimensions;
//! `--only powers` leaves out the neighbours. The layouts say of either operand whether it is transposed: `NN`, `NT`,
//! `TN`, `TT`. Each point is one line of CSV, and the cliffs follow: points below 70 % of the better of their
//! neighbours (one dimension one step larger or smaller), and points that three plain loops compute faster. A
//! point that takes no longer than a larger neighbour is no cliff, whatever its rate: a vector of two columns costs as
//! much as one of three.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use wengert::prelude::*;

/// m, k, n of a product of m × k by k × n.
type Size = [usize; 3];

struct Args {
    max: usize,
    layouts: Vec<String>,
    powers: bool,
    /// How long a point is measured at least, in microseconds.
    micros: u64,
}

impl Args {
    fn parse() -> Args {
        let layouts = ["NN", "NT", "TN", "TT"].map(String::from).to_vec();
        let mut args = Args { max: 2048, layouts, powers: false, micros: 200 };
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(option) = words.next() {
            let value = words.next().unwrap_or_else(|| panic!("{option} has no value"));
            let number = || value.parse().unwrap_or_else(|_| panic!("{option} {value}: expected a number"));
            match option.as_str() {
                "--max" => args.max = number(),
                "--layout" => args.layouts = value.split(',').map(str::to_uppercase).collect(),
                "--only" => args.powers = value == "powers",
                "--micros" => args.micros = number() as u64,
                _ => panic!("{option}: expected --max, --layout, --only or --micros"),
            }
        }
        args
    }

    fn sizes(&self) -> Vec<usize> {
        let around = |i: u32| if self.powers { vec![1 << i] } else { vec![(1 << i) - 1, 1 << i, (1 << i) + 1] };
        let mut sizes: Vec<usize> = (0..=12).flat_map(around).filter(|size| (1..=self.max).contains(size)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// The least time that `f` takes, in seconds.
    fn time(&self, mut f: impl FnMut()) -> f64 {
        f();
        let (start, enough) = (Instant::now(), Duration::from_micros(self.micros));
        let mut best = f64::INFINITY;
        let mut repeats = 1;
        while start.elapsed() < enough || best.is_infinite() {
            let once = Instant::now();
            (0..repeats).for_each(|_| f());
            let taken = once.elapsed();
            best = best.min(taken.as_secs_f64() / f64::from(repeats));
            // The clock takes some 30 ns to read.
            if taken < Duration::from_micros(5) {
                repeats *= 2;
            }
        }
        best
    }

    /// The rate of the library's product, in multiply-adds per nanosecond.
    fn rate(&self, layout: &str, [m, k, n]: Size) -> f64 {
        let operand = |rows, cols, transposed| {
            let data = |rows, cols| Tensor::<f32>::full([rows, cols], 0.5);
            if transposed { data(cols, rows).t() } else { data(rows, cols) }
        };
        let (a, b) = (operand(m, k, layout.starts_with('T')), operand(k, n, layout.ends_with('T')));
        let seconds = self.time(|| drop(black_box(black_box(&a).matmul(&b))));
        (m * k * n) as f64 / seconds * 1e-9
    }

    /// The rate of three plain loops, in the order that suits the layout.
    fn plain_rate(&self, layout: &str, [m, k, n]: Size) -> f64 {
        let (a, b) = (vec![0.5f32; m * k], vec![0.5f32; k * n]);
        let seconds = self.time(|| {
            let (a, b) = (black_box(&a), black_box(&b));
            let mut c = vec![0.0f32; m * n];
            let add = |c: &mut [f32], x: f32, b: &[f32]| c.iter_mut().zip(b).for_each(|(c, &y)| *c += x * y);
            match layout {
                "NN" => c.chunks_exact_mut(n).zip(a.chunks_exact(k)).for_each(|(c, a)| {
                    a.iter().zip(b.chunks_exact(n)).for_each(|(&x, b)| add(c, x, b));
                }),
                "TN" => a.chunks_exact(m).zip(b.chunks_exact(n)).for_each(|(a, b)| {
                    a.iter().zip(c.chunks_exact_mut(n)).for_each(|(&x, c)| add(c, x, b));
                }),
                "NT" => c.chunks_exact_mut(n).zip(a.chunks_exact(k)).for_each(|(c, a)| {
                    let sums = b.chunks_exact(k).map(|b| a.iter().zip(b).map(|(x, y)| x * y).sum());
                    c.iter_mut().zip(sums).for_each(|(c, sum): (_, f32)| *c = sum);
                }),
                _ => c.chunks_exact_mut(n).enumerate().for_each(|(i, c)| {
                    let sums = b.chunks_exact(k).map(|b| a.chunks_exact(m).zip(b).map(|(a, y)| a[i] * y).sum());
                    c.iter_mut().zip(sums).for_each(|(c, sum): (_, f32)| *c = sum);
                }),
            }
            black_box(c);
        });
        (m * k * n) as f64 / seconds * 1e-9
    }
}

fn main() {
    let args = Args::parse();
    let sizes = args.sizes();
    let all = || {
        let pairs = sizes.iter().flat_map(|&m| sizes.iter().map(move |&k| (m, k)));
        pairs.flat_map(|(m, k)| sizes.iter().map(move |&n| [m, k, n]))
    };
    println!("layout,m,k,n,gflops");
    for layout in &args.layouts {
        let mut rates = HashMap::new();
        for size @ [m, k, n] in all() {
            let rate = args.rate(layout, size);
            println!("{layout},{m},{k},{n},{:.2}", 2.0 * rate);
            rates.insert(size, rate);
        }
        args.report(layout, &sizes, &rates);
    }
}

/// How much longer the second look at a point takes, which tells a cliff from a disturbance.
const PATIENCE: u64 = 5;

impl Args {
    /// Names the cliffs, the deepest first.
    fn report(&self, layout: &str, sizes: &[usize], rates: &HashMap<Size, f64>) {
        let again = Args { micros: PATIENCE * self.micros, layouts: Vec::new(), ..*self };
        let mut cliffs: Vec<(f64, String)> = Vec::new();
        let mut add = |[m, k, n]: Size, share: f64, of: String| {
            cliffs.push((share, format!("{layout} {m}×{k}×{n}: {:.0} % of {of}", 100.0 * share)));
        };
        for (&size, &rate) in rates {
            let measured = neighbours(sizes, size).filter_map(|near| Some((near, *rates.get(&near)?)));
            let better = measured.filter(|&near| is_cliff((size, rate), near)).max_by(|x, y| x.1.total_cmp(&y.1));
            if let Some((near, _)) = better {
                let (rate, better) = (again.rate(layout, size), again.rate(layout, near));
                let [p, q, r] = near;
                if is_cliff((size, rate), (near, better)) {
                    add(size, rate / better, format!("{p}×{q}×{r}"));
                }
            }
            // Of smaller products the cost of a call decides, and of larger ones plain loops are never faster.
            if (1 << 10..=1 << 15).contains(&work(size)) && rate < self.plain_rate(layout, size) {
                let (rate, loops) = (again.rate(layout, size), again.plain_rate(layout, size));
                if rate < loops {
                    add(size, rate / loops, "three loops".into());
                }
            }
        }
        cliffs.sort_by(|x, y| x.0.total_cmp(&y.0));
        println!("# {layout}: {} cliffs at {} points", cliffs.len(), rates.len());
        cliffs.iter().for_each(|(_, cliff)| println!("# {cliff}"));
    }
}

/// The multiply-adds of a product.
fn work(size: Size) -> usize {
    size.iter().product()
}

/// Whether a size, with its rate, is a cliff beside a neighbour.
fn is_cliff((size, rate): (Size, f64), (near, better): (Size, f64)) -> bool {
    let seconds = |size: Size, rate: f64| work(size) as f64 / rate;
    rate < 0.7 * better && (work(near) < work(size) || seconds(size, rate) > 1.1 * seconds(near, better))
}

/// The sizes with one dimension one step along the list, either way. A step that more than triples the work is none:
/// of tiny products the larger one is always faster, for what a call costs.
fn neighbours(sizes: &[usize], size: Size) -> impl Iterator<Item = Size> {
    (0..3).flat_map(move |axis| {
        let at = sizes.iter().position(|&other| other == size[axis]).unwrap_or(0);
        let steps = [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|at| sizes.get(at));
        let near = steps.filter(move |&&other| other.max(size[axis]) * 5 <= other.min(size[axis]) * 8);
        near.map(move |&other| {
            let mut next = size;
            next[axis] = other;
            next
        })
    })
}
