use proptest::prelude::*;

use super::blocks::by_blocks_on;
use super::*;
use crate::kernel::tests::{assert_bits, noise, pool};
use crate::storage::Storage;

/// How an operand lies in its slice.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    RowMajor,
    Transposed,
    /// Row-major with a gap after each row.
    Sliced,
    /// Transposed with a gap after each column.
    SlicedTransposed,
    /// Neither stride is 1.
    Gaps,
    /// All rows are one row.
    OneRow,
    /// All columns are one column.
    OneColumn,
}
use Layout::*;

const LAYOUTS: [Layout; 7] = [RowMajor, Transposed, Sliced, SlicedTransposed, Gaps, OneRow, OneColumn];

/// An operand that owns its elements.
#[derive(Clone, Debug)]
struct Operand<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
    strides: (usize, usize),
}

impl<T: Float> Operand<T> {
    /// `element(i)` for every place in the slice; NaN where no element of the matrix lies.
    fn new(rows: usize, cols: usize, layout: Layout, mut element: impl FnMut() -> T) -> Operand<T> {
        let strides = match layout {
            RowMajor => (cols, 1),
            Transposed => (1, rows),
            Sliced => (cols + 3, 1),
            SlicedTransposed => (1, rows + 5),
            Gaps => (3 * cols + 1, 3),
            OneRow => (0, 1),
            OneColumn => (1, 0),
        };
        let len = if rows * cols == 0 { 0 } else { (rows - 1) * strides.0 + (cols - 1) * strides.1 + 1 };
        let mut data = vec![T::NAN; len];
        for (i, j) in (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j))) {
            data[i * strides.0 + j * strides.1] = element();
        }
        Operand { data, rows, cols, strides }
    }

    fn mat(&self) -> Mat<'_, T> {
        let (row_stride, col_stride) = self.strides;
        Mat { data: &self.data, rows: self.rows, cols: self.cols, row_stride, col_stride }
    }

    fn abs(&self) -> Operand<T> {
        Operand { data: self.data.iter().map(|x| x.abs()).collect(), ..*self }
    }
}

/// A product with everything that it reads.
#[derive(Clone, Debug)]
struct Case<T> {
    a: Operand<T>,
    b: Operand<T>,
    c: Vec<T>,
    bias: Vec<T>,
    init: usize,
}

impl<T: Float> Case<T> {
    fn new([m, k, n]: [usize; 3], [left, right]: [Layout; 2], init: usize, mut element: impl FnMut() -> T) -> Case<T> {
        let a = Operand::new(m, k, left, &mut element);
        let b = Operand::new(k, n, right, &mut element);
        let c = (0..m * n).map(|_| if init == 0 { T::NAN } else { element() }).collect();
        let bias = (0..if init == 3 { m } else { n }).map(|_| element()).collect();
        Case { a, b, c, bias, init }
    }

    /// The output, which begins with a cache line or behind one.
    fn run(&self, mut product: impl FnMut(Mat<'_, T>, Mat<'_, T>, &mut [T], Init<'_, T>)) -> Vec<T> {
        let init = [Init::Zero, Init::Accumulate, Init::Bias(&self.bias), Init::RowBias(&self.bias)][self.init];
        let before = [0, 5, 0][(self.a.rows + self.b.cols / 2 + self.a.cols) % 3];
        let behind = before + self.c.len();
        let mut room = Storage::recycled(behind + 40);
        let room = room.unique_mut().expect("new");
        room.fill(T::ONE);
        room[before..behind].copy_from_slice(&self.c);
        product(self.a.mat(), self.b.mat(), &mut room[before..behind], init);
        assert!(room[..before].iter().chain(&room[behind..]).all(|&x| x == T::ONE), "written outside of the output");
        room[before..behind].to_vec()
    }

    /// The most that rounding may move an element, from the sum of the magnitudes that are added: each of k + 1
    /// roundings of either computation moves it by at most half an ε of that sum.
    fn bounds(&self) -> Vec<f64> {
        let magnitudes = Case {
            a: self.a.abs(),
            b: self.b.abs(),
            c: self.c.iter().map(|x| x.abs()).collect(),
            bias: self.bias.iter().map(|x| x.abs()).collect(),
            init: self.init,
        };
        let terms = (self.a.cols + 2) as f64 * 1.01;
        magnitudes.run(naive).iter().map(|x| x.to_f64() * terms * T::EPSILON.to_f64()).collect()
    }

    /// The product as it comes block by block, each element once; `None` where it does not.
    fn by_blocks(&self, isa: Isa) -> Option<Vec<T>> {
        let (m, n) = (self.a.rows, self.b.cols);
        let elements = std::sync::Mutex::new(vec![None; m * n]);
        let take = |block: Finished<'_, T>| {
            let mut elements = elements.lock().unwrap();
            for (i, row) in block.data.chunks_exact(block.cols).enumerate() {
                for (j, &x) in row.iter().enumerate() {
                    let at = (block.row + i) * n + block.col + j;
                    assert!(elements[at].replace(x).is_none(), "element {at} comes twice");
                }
            }
        };
        let done = by_blocks_on(isa, self.a.mat(), self.b.mat(), &Taker::new(&take, [std::ptr::null(); 2], n));
        let elements = elements.into_inner().unwrap();
        assert!(elements.iter().all(|x| x.is_some() == done), "all of them come, or none");
        done.then(|| elements.into_iter().flatten().collect())
    }

    /// c + scale·(a·b) added at once; `None` where it is not.
    fn added(&self, isa: Isa, scale: T) -> Option<Vec<T>> {
        let mut done = false;
        let sum = self.run(|a, b, c, _| done = add_scaled_on(isa, c, scale, a, b));
        done.then_some(sum)
    }

    fn agrees(&self) {
        let (want, bounds) = (self.run(naive), self.bounds());
        for isa in sets() {
            let got = self.run(|a, b, c, init| matmul_on(isa, a, b, c, init));
            for (i, ((got, want), bound)) in got.iter().zip(&want).zip(&bounds).enumerate() {
                let error = (got.to_f64() - want.to_f64()).abs();
                assert!(error <= *bound, "{isa:?}, element {i}: {got} instead of {want}, bound {bound:e}");
            }
        }
    }
}

/// The instruction sets that the processor has.
fn sets() -> Vec<Isa> {
    match isa() {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => vec![Isa::Portable, Isa::Avx2, Isa::Avx512],
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => vec![Isa::Portable, Isa::Avx2],
        Isa::Portable => vec![Isa::Portable],
    }
}

/// Integers in −4..=4: sums of a few thousand products are exact.
fn integers<T: Float>(seed: u64) -> impl FnMut() -> T {
    let mut noise = noise::<f64>(seed);
    move || T::from_f64((noise() * 4.4).round())
}

fn layouts() -> impl Strategy<Value = [Layout; 2]> {
    proptest::array::uniform2(proptest::sample::select(&LAYOUTS[..]))
}

fn sizes() -> impl Strategy<Value = [usize; 3]> {
    prop_oneof![
        8 => proptest::array::uniform3(0..70usize),
        1 => (0..20usize, 0..900usize, 0..70usize).prop_map(|(m, k, n)| [m, k, n]),
        1 => (0..70usize, 0..20usize, 0..900usize).prop_map(|(m, k, n)| [m, k, n]),
        1 => (0..600usize, 0..70usize, 0..20usize).prop_map(|(m, k, n)| [m, k, n]),
        1 => (50..150usize, 480..1060usize, 50..150usize).prop_map(|(m, k, n)| [m, k, n]),
        1 => (0..600usize, 0..300usize, 0..20usize).prop_map(|(m, k, n)| [m, k, n]),
        1 => (0..4usize, 0..300usize, 0..600usize).prop_map(|(m, k, n)| [m, k, n]),
        // A depth of a few, with few rows or with few columns.
        1 => (0..4usize, 0..6usize, 0..200usize).prop_map(|(m, k, n)| [m, k, n]),
        1 => (0..300usize, 0..3usize, 0..40usize).prop_map(|(m, k, n)| [m, k, n]),
        2 => (0..200usize, 1..18usize, 1..100usize).prop_map(|(m, k, n)| [m, k, n]),
        // Few columns, and rows enough to fill vectors of the transposed product.
        2 => (10..300usize, 2..40usize, 1..14usize).prop_map(|(m, k, n)| [m, k, n]),
        // Narrow operands over a depth that repays turning them.
        1 => (0..10usize, 60..400usize, 0..10usize).prop_map(|(m, k, n)| [m, k, n]),
        1 => (20..200usize, 60..300usize, 0..17usize).prop_map(|(m, k, n)| [m, k, n]),
        1 => (0..17usize, 60..300usize, 20..200usize).prop_map(|(m, k, n)| [m, k, n]),
        // Rows of x·Wᵀ that are few beside those of W.
        2 => (17..100usize, 20..600usize, 60..300usize).prop_map(|(m, k, n)| [m, k, n]),
        // A few columns more than fill vectors of 4, 8 or 16.
        2 => (8..200usize, 16..150usize, proptest::sample::select(vec![5usize, 9, 10, 17, 18, 20, 33, 36]))
            .prop_map(|(m, k, n)| [m, k, n]),
    ]
}

proptest! {
    #[test]
    fn agrees_with_three_loops(size in sizes(), layout in layouts(), init in 0..4usize, seed: u64) {
        Case::<f32>::new(size, layout, init, noise(seed)).agrees();
        Case::<f64>::new(size, layout, init, noise(seed)).agrees();
    }

    #[test]
    fn small_integers_are_exact(size in sizes(), layout in layouts(), init in 0..4usize, seed: u64) {
        let case = Case::<f32>::new(size, layout, init, integers(seed));
        for isa in sets() {
            prop_assert_eq!(case.run(|a, b, c, init| matmul_on(isa, a, b, c, init)), case.run(naive));
        }
    }

    /// A row or column that holds a NaN or an infinity meets zeros, and none of its products is skipped.
    #[test]
    fn nan_and_infinity_propagate(size in proptest::array::uniform3(1..40usize), layout in layouts(), init in 0..4usize,
                                  seed: u64, special in proptest::sample::select(vec![f32::NAN, f32::INFINITY])) {
        let mut count = 0;
        let every = 1 + seed as usize % 97;
        let element = || {
            count += 1;
            if count % every == 0 { special } else { (count % 3) as f32 - 1.0 }
        };
        let case = Case::<f32>::new(size, layout, init, element);
        let kind = |c: Vec<f32>| c.into_iter().map(|x| if x.is_nan() { None } else { Some(x) }).collect::<Vec<_>>();
        for isa in sets() {
            let got = case.run(|a, b, c, init| matmul_on(isa, a, b, c, init));
            prop_assert_eq!(kind(got), kind(case.run(naive)));
        }
    }

    /// The bits of a product do not change when its operands and its output begin elsewhere in memory.
    #[test]
    fn addresses_do_not_matter(size in sizes(), layout in layouts(), init in 0..2usize, shift in 1..16usize, seed: u64) {
        let case = Case::<f32>::new(size, layout, init, noise(seed));
        let shifted = |data: &[f32]| [vec![0.0; shift], data.to_vec()].concat();
        let (a, b, mut c) = (shifted(&case.a.data), shifted(&case.b.data), shifted(&case.c));
        let (a, b) = (Mat { data: &a[shift..], ..case.a.mat() }, Mat { data: &b[shift..], ..case.b.mat() });
        matmul(a, b, &mut c[shift..], [Init::Zero, Init::Accumulate][init]);
        prop_assert_eq!(&c[shift..], case.run(matmul));
        prop_assert!(c[..shift].iter().all(|&x| x == 0.0));
    }
}

proptest! {
    /// What comes block by block has the bits of the whole product.
    #[test]
    fn blocks_agree_with_the_whole(size in sizes(), layout in layouts(), seed: u64) {
        let case = Case::<f32>::new(size, layout, 0, noise(seed));
        let wide = Case::<f64>::new(size, layout, 0, noise(seed));
        for isa in sets() {
            if let Some(got) = case.by_blocks(isa) {
                assert_bits(&got, &case.run(|a, b, c, init| matmul_on(isa, a, b, c, init)));
            }
            if let Some(got) = wide.by_blocks(isa) {
                assert_bits(&got, &wide.run(|a, b, c, init| matmul_on(isa, a, b, c, init)));
            }
        }
    }
}

proptest! {
    /// What is added with a scale is the finished product, multiplied and then added.
    #[test]
    fn scaled_products_agree_with_the_whole(
        m in 1..80usize, k in 1..18usize, n in 1..120usize, layout in layouts(), scale in -2.0..2.0f64, seed: u64
    ) {
        fn check<T: Float>(case: &Case<T>, scale: T) {
            for isa in sets() {
                let Some(got) = case.added(isa, scale) else { continue };
                let product = case.run(|a, b, c, _| matmul_on(isa, a, b, c, Init::Zero));
                let want = case.c.iter().zip(product).map(|(&c, x)| c + scale * x);
                assert_bits(&got, &want.collect::<Vec<_>>());
            }
        }
        check(&Case::<f32>::new([m, k, n], layout, 0, noise(seed)), scale as f32);
        check(&Case::<f64>::new([m, k, n], layout, 0, noise(seed)), scale);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Products that are shared among threads, with blocks that end anywhere.
    #[test]
    fn threads_do_not_change_bits(m in 1..400usize, n in prop_oneof![2 => 1..700usize, 1 => 1..14usize], layout in layouts(), init in 0..4usize, seed: u64) {
        let k = ((1 << 21) / (m * n)).clamp(1, 3000) + 1;
        let case = Case::<f32>::new([m, k, n], layout, init, noise(seed));
        let one = pool(1).install(|| case.run(matmul));
        for threads in 2..=4 {
            prop_assert_eq!(&pool(threads).install(|| case.run(matmul)), &one, "{} threads", threads);
        }
    }
}

#[test]
fn large_products_agree() {
    for (left, right) in [(RowMajor, Transposed), (Transposed, RowMajor), (RowMajor, RowMajor), (Gaps, OneColumn)] {
        for init in 0..4 {
            Case::<f32>::new([300, 1100, 530], [left, right], init, noise(7)).agrees();
            Case::<f32>::new([1100, 530, 300], [left, right], init, noise(7)).agrees();
            Case::<f64>::new([264, 520, 513], [left, right], init, noise(8)).agrees();
        }
    }
}

/// Operands that are copied into panels: in more than one part, of rows, of columns and of the depth.
#[test]
fn copied_operands_agree() {
    for init in 0..4 {
        for right in [RowMajor, Transposed, Gaps] {
            Case::<f32>::new([1600, 33, 260], [Transposed, right], init, noise(12)).agrees();
            Case::<f32>::new([170, 33, 4200], [RowMajor, right], init, noise(13)).agrees();
            Case::<f64>::new([520, 530, 300], [SlicedTransposed, right], init, noise(14)).agrees();
        }
        Case::<f32>::new([30, 2048, 770], [RowMajor, RowMajor], init, noise(15)).agrees();
        Case::<f32>::new([520, 1030, 150], [RowMajor, RowMajor], init, noise(18)).agrees();
        Case::<f32>::new([25, 600, 800], [Gaps, OneColumn], init, noise(16)).agrees();
    }
}

/// Products that are large enough for threads to copy operands together.
#[test]
fn copies_are_shared() {
    for layout in [[Transposed, RowMajor], [RowMajor, Transposed], [Transposed, Transposed]] {
        for size in [[600, 400, 270], [90, 900, 800], [128, 530, 250], [224, 1100, 1000]] {
            let case = Case::<f32>::new(size, layout, 2, noise(17));
            let one = pool(1).install(|| case.run(matmul));
            for threads in 2..=4 {
                assert_eq!(pool(threads).install(|| case.run(matmul)), one, "{size:?}, {layout:?}, {threads} threads");
            }
        }
    }
}

/// Products of few columns go by tiles of the transposed product, whose rows are shared, over more than one stretch of depth.
#[test]
fn few_columns_are_shared() {
    for n in [2, 3, 5, 8, 9, 12] {
        for (right, init) in [(RowMajor, 0), (RowMajor, 1), (Transposed, 2), (Transposed, 3)] {
            let case = Case::<f32>::new([1501, 600, n], [Transposed, right], init, noise(11));
            case.agrees();
            let one = pool(1).install(|| case.run(matmul));
            for threads in 2..=4 {
                assert_eq!(pool(threads).install(|| case.run(matmul)), one, "{n} columns, {threads} threads");
            }
        }
    }
}

/// Products of a small depth go by rows, which are shared, and where they do not begin with a line, line by line.
#[test]
fn rows_of_a_small_depth_are_shared() {
    for (m, k, n) in [(600, 1, 1023), (260, 3, 1025), (150, 7, 1018), (333, 8, 514), (90, 12, 2047), (20, 5, 9001)] {
        for (left, init) in [(RowMajor, 0), (Transposed, 1), (Gaps, 2), (RowMajor, 3)] {
            let case = Case::<f32>::new([m, k, n], [left, RowMajor], init, noise(19));
            case.agrees();
            let one = pool(1).install(|| case.run(matmul));
            for threads in 2..=4 {
                assert_eq!(pool(threads).install(|| case.run(matmul)), one, "{m} × {k} × {n}, {threads} threads");
            }
            Case::<f64>::new([m, k, n], [left, Transposed], init, noise(20)).agrees();
        }
    }
}

/// Gradients of weights come block by block, on any number of threads: of small batches and large ones, with operands that are
/// copied and such that are not, and with fewer rows than there are threads.
#[test]
fn gradients_of_weights_come_by_blocks() {
    let sizes = [
        [30, 10, 784],
        [513, 12, 2000],
        [512, 128, 784],
        [70, 33, 5000],
        [600, 500, 1100],
        [1100, 512, 600],
        [100, 0, 90],
        [13, 40, 4000],
        [3, 512, 1700],
    ];
    for size in sizes {
        let case = Case::<f32>::new(size, [Transposed, RowMajor], 0, noise(22));
        for isa in sets() {
            let want = case.run(|a, b, c, init| matmul_on(isa, a, b, c, init));
            for threads in 1..=4 {
                let got = pool(threads).install(|| case.by_blocks(isa));
                assert_bits(&got.unwrap_or_else(|| panic!("{size:?} does not come by blocks")), &want);
            }
        }
    }
    let deep = Case::<f32>::new([64, 513, 64], [Transposed, RowMajor], 0, noise(23));
    assert!(deep.by_blocks(isa()).is_none(), "the sums of a depth in two stretches are not finished by the first");
}

/// Gradients of weights of small batches are added at once, on any number of threads, up to the depth of which an instruction
/// set has registers for two vectors of each row.
#[test]
fn gradients_of_small_batches_are_added() {
    for [m, n] in [[30, 784], [513, 2000], [300, 61], [100, 1023]] {
        for (isa, deepest) in sets().into_iter().map(|isa| (isa, simd::shallow::<f32>(isa).min(12))) {
            for k in [1, deepest.div_ceil(2), deepest] {
                let case = Case::<f32>::new([m, k, n], [Transposed, RowMajor], 0, noise(24));
                let one = case.added(isa, -0.3).unwrap_or_else(|| panic!("{m} × {k} × {n} is not added on {isa:?}"));
                let product = case.run(|a, b, c, _| matmul_on(isa, a, b, c, Init::Zero));
                let want: Vec<f32> = case.c.iter().zip(product).map(|(&c, x)| c + -0.3 * x).collect();
                assert_bits(&one, &want);
                for threads in 2..=4 {
                    assert_bits(&pool(threads).install(|| case.added(isa, -0.3)).expect("added"), &one);
                }
            }
            let deeper = Case::<f32>::new([m, 17, n], [Transposed, RowMajor], 0, noise(25));
            assert!(deeper.added(isa, 1.0).is_none(), "tiles have no scale");
        }
    }
}

/// Dot products along columns, and sums of rows, that begin anywhere in a line, and end with their slice: lines are read whole,
/// and no bit depends on it.
#[test]
fn vectors_begin_anywhere_in_a_line() {
    fn check<T: Float>([m, k, n]: [usize; 3], layout: [Layout; 2], init: usize) {
        let case = Case::<T>::new([m, k, n], layout, init, noise(21));
        case.agrees();
        let want = case.run(matmul);
        for shift in 1..16 {
            let shifted = |data: &[T]| [vec![T::NAN; shift], data.to_vec()].concat();
            let (a, b) = (shifted(&case.a.data), shifted(&case.b.data));
            let (a, b) = (Mat { data: &a[shift..], ..case.a.mat() }, Mat { data: &b[shift..], ..case.b.mat() });
            assert_eq!(case.run(|_, _, c, init| matmul(a, b, c, init)), want, "{m} × {k} × {n}, shifted by {shift}");
        }
    }
    for (m, n) in [(1, 1), (1, 9), (2, 7), (3, 40), (4, 5), (5, 11), (30, 1), (23, 2), (11, 4)] {
        for (init, k) in [48, 63, 64, 65, 127, 130, 257].into_iter().enumerate() {
            check::<f32>([m, k, n], [RowMajor, Transposed], init % 4);
            check::<f64>([m, k, n], [Sliced, SlicedTransposed], init % 4);
        }
    }
    for (k, n) in [(17, 33), (20, 47), (33, 100), (40, 255), (21, 300), (18, 1025)] {
        for init in 0..4 {
            check::<f32>([1, k, n], [RowMajor, RowMajor], init);
            check::<f64>([1, k, n], [RowMajor, Sliced], init);
        }
    }
}

/// Where an element lies makes no difference: a part of the product is the product of the parts.
#[test]
fn bits_do_not_depend_on_the_place() {
    let case = Case::<f32>::new([300, 300, 700], [RowMajor, RowMajor], 0, noise(9));
    let whole = case.run(matmul);
    let (a, b) = (case.a.mat(), case.b.mat());
    for (i, j, rows, cols) in [(0, 0, 100, 100), (37, 101, 250, 70), (299, 650, 1, 50), (17, 3, 20, 600)] {
        let a = Mat { data: &a.data[i * 300..], rows, ..a };
        let b = Mat { data: &b.data[j..], cols, ..b };
        let mut part = vec![f32::NAN; rows * cols];
        matmul(a, b, &mut part, Init::Zero);
        for (row, part) in part.chunks_exact(cols).enumerate() {
            assert_eq!(part, &whole[(i + row) * 700 + j..][..cols], "block at ({i}, {j}), row {row}");
        }
    }
}

#[test]
fn no_depth_leaves_the_start() {
    let (a, b) = (Operand::<f64>::new(2, 0, RowMajor, || 0.0), Operand::new(0, 3, RowMajor, || 0.0));
    let bias = [1.0, 2.0, 3.0];
    let product = |init| {
        let mut c = vec![7.0; 6];
        matmul(a.mat(), b.mat(), &mut c, init);
        c
    };
    assert_eq!(product(Init::Zero), [0.0; 6]);
    assert_eq!(product(Init::Accumulate), [7.0; 6]);
    assert_eq!(product(Init::Bias(&bias)), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
}

#[test]
fn sizes_are_checked() {
    let data = [0.0f32; 12];
    let mat = |rows, cols, row_stride, col_stride| Mat { data: &data, rows, cols, row_stride, col_stride };
    let message = |a: Mat<'_, f32>, b: Mat<'_, f32>, len: usize, init: Init<'_, f32>| {
        let mut c = vec![0.0; len];
        let call = std::panic::AssertUnwindSafe(|| matmul(a, b, &mut c, init));
        let panic = std::panic::catch_unwind(call).expect_err("must panic");
        panic.downcast_ref::<String>().expect("a message").clone()
    };
    let fits = mat(3, 4, 4, 1);
    for (a, b, len, init, want) in [
        (fits, mat(3, 4, 4, 1), 12, Init::Zero, "inner sizes differ: 3 × 4 times 3 × 4"),
        (fits, mat(4, 3, 3, 1), 8, Init::Zero, "the product is 3 × 3, the output has 8 elements"),
        (mat(3, 4, 5, 1), mat(4, 3, 3, 1), 9, Init::Zero, "left of 3 × 4 with strides (5, 1) exceeds its 12 elements"),
        (fits, mat(4, 3, 4, 1), 9, Init::Zero, "right of 4 × 3 with strides (4, 1) exceeds its 12 elements"),
        (fits, mat(4, 3, usize::MAX, 1), 9, Init::Zero, "right of 4 × 3"),
        (fits, mat(4, 3, 3, 1), 9, Init::Bias(&data[..2]), "the product has 3 columns, the bias 2"),
        (fits, mat(4, 3, 3, 1), 9, Init::RowBias(&data[..2]), "the product has 3 rows, the bias 2"),
    ] {
        let got = message(a, b, len, init);
        assert!(got.contains(want), "{got:?} does not say {want:?}");
    }
}

/// A matrix of few columns, turned, has its elements where they belong, whatever its strides are.
#[test]
fn turned_columns_are_contiguous() {
    fn check<T: Float>() {
        for isa in sets() {
            for (rows, cols) in (1..40).flat_map(|rows| (1..20).map(move |cols| (rows, cols))) {
                for layout in LAYOUTS {
                    let x = Operand::<T>::new(rows, cols, layout, noise(rows as u64));
                    let mut room = Storage::Empty;
                    // SAFETY: the processor has the instruction sets, and the operand its elements.
                    let turned = unsafe { pack::turn(isa, x.mat().view(), rows, cols, &mut room) };
                    assert_eq!((turned.row, turned.col), (1, rows));
                    let got = &room.as_slice()[..rows * cols];
                    let want = (0..cols).flat_map(|j| (0..rows).map(move |i| (i, j)));
                    let want = want.map(|(i, j)| x.data[i * x.strides.0 + j * x.strides.1]);
                    assert!(got.iter().copied().eq(want), "{isa:?}: {rows} × {cols}, {layout:?}");
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}
