//! Matrix products of all sizes and layouts, and where their rate falls off a cliff.
//!
//! ```sh
//! cargo bench --bench sweep -- --max 256 --layout NT
//! ```
//!
//! The sizes are 1, 2, 3, 4, 5, 7, 8, 9, … 2^i − 1, 2^i, 2^i + 1 up to `--max`, in each of the three dimensions;
//! `--only powers` leaves out the neighbours. The layouts say of either operand whether it is transposed: `NN`, `NT`,
//! `TN`, `TT`. Each point is one line of CSV, and the cliffs follow: points below 70 % of the better of their
//! neighbours (one dimension one step larger or smaller), and points that three plain loops compute faster.

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

    /// The rate of three plain loops over row-major operands.
    fn plain_rate(&self, [m, k, n]: Size) -> f64 {
        let (a, b) = (vec![0.5f32; m * k], vec![0.5f32; k * n]);
        let seconds = self.time(|| {
            let mut c = vec![0.0f32; m * n];
            for (c, a) in c.chunks_exact_mut(n).zip(black_box(&a).chunks_exact(k)) {
                for (&x, b) in a.iter().zip(b.chunks_exact(n)) {
                    c.iter_mut().zip(b).for_each(|(c, &y)| *c += x * y);
                }
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
    // Of smaller products the cost of a call decides, and of larger ones plain loops are never faster.
    let compared = |[m, k, n]: &Size| (1 << 10..=1 << 15).contains(&(m * k * n));
    let plain: HashMap<Size, f64> = all().filter(compared).map(|size| (size, args.plain_rate(size))).collect();
    println!("layout,m,k,n,gflops,plain");
    for layout in &args.layouts {
        let mut rates = HashMap::new();
        for size @ [m, k, n] in all() {
            let rate = args.rate(layout, size);
            let plain = plain.get(&size).map_or(String::new(), |rate| format!("{:.2}", 2.0 * rate));
            println!("{layout},{m},{k},{n},{:.2},{plain}", 2.0 * rate);
            rates.insert(size, rate);
        }
        report(layout, &sizes, &rates, &plain);
    }
}

/// Names the cliffs, the deepest first.
fn report(layout: &str, sizes: &[usize], rates: &HashMap<Size, f64>, plain: &HashMap<Size, f64>) {
    let mut cliffs: Vec<(f64, String)> = Vec::new();
    for (size, &rate) in rates {
        let [m, k, n] = size;
        let neighbour = neighbours(sizes, *size).filter_map(|size| Some((*rates.get(&size)?, size)));
        if let Some((better, [p, q, r])) = neighbour.max_by(|x, y| x.0.total_cmp(&y.0))
            && rate < 0.7 * better
        {
            let share = rate / better;
            cliffs.push((share, format!("{layout} {m}×{k}×{n}: {:.0} % of {p}×{q}×{r}", 100.0 * share)));
        }
        if let Some(&loops) = plain.get(size)
            && rate < loops
        {
            let share = rate / loops;
            cliffs.push((share, format!("{layout} {m}×{k}×{n}: {:.0} % of three loops", 100.0 * share)));
        }
    }
    cliffs.sort_by(|x, y| x.0.total_cmp(&y.0));
    println!("# {layout}: {} cliffs at {} points", cliffs.len(), rates.len());
    cliffs.iter().for_each(|(_, cliff)| println!("# {cliff}"));
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
