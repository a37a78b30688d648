//! Convolutions of images, and their adjoints, as products with the patches that a kernel sees.
//!
//! With y\[o, p\] = Σ w\[o, k\]·patches\[k, p\], where k counts the places (channel, column, row) of the kernel and p those
//! of the output, the value and both gradients are matrix products. The patches of a band of output rows and a block of
//! channels are laid out at a time, so that they stay in the second cache. Where the kernel moves down by single rows, a
//! row of the image is laid out once for each column of the kernel and not again for each of its rows: the patches of
//! the next row of the kernel are the same memory, a row later. So the copy is small beside the product, which reads
//! its right operand in runs of rows that overlap.
//!
//! Images, groups, bands and blocks of channels are shared among threads. They are cut by size alone, and the gradient
//! of the weight is added up in a fixed order, so no bit depends on the number of threads.

mod patches;
#[cfg(test)]
mod tests;

use std::ops::Range;

use super::map;
use super::matmul::{Init, Mat, Out, Right, packed_len, strip};
use super::split::{self, Parts};
use crate::float::Float;
use crate::storage::Storage;
use patches::{Band, Form, Products};

/// The sizes of a convolution of x `[n, groups·c, h, w]` with w `[groups·o, c, kh, kw]` to y `[n, groups·o, oh, ow]`.
/// Where the output asks for more than the padded image has, it sees zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) n: usize,
    pub(crate) groups: usize,
    /// Channels of a group of the input, and of the output.
    pub(crate) c: usize,
    pub(crate) o: usize,
    pub(crate) input: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) output: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
    pub(crate) dilation: [usize; 2],
}

/// Elements of patches that are laid out at a time, a quarter of a second cache of 1 MiB in f32.
const PATCHES: usize = 1 << 16;

/// The places of a kernel that a block of channels has at least, if there are so many.
const BLOCK_DEPTH: usize = 512;

/// The columns that a band has at least, if the output has so many.
const BAND_COLS: usize = 128;

/// The depth that the gradient of the weight is multiplied at a time.
const DEPTH: usize = 256;

/// Tasks that a convolution is cut into at least, where it can be.
const TASKS: usize = 8;

/// Elements of partial gradients of the weight.
const PARTIAL: usize = 1 << 20;

/// Elements beyond which rows of an operand are copied together before they are read often.
const FAR: usize = 1 << 17;

/// Rows of a product that a tile needs at least to be fast.
const FEW: usize = 8;

impl Sizes {
    /// Elements of a channel of the input, places of a kernel, elements of a channel of the output.
    fn areas(&self) -> [usize; 3] {
        [self.input, self.kernel, self.output].map(|[h, w]| h * w)
    }

    /// Products that an element of the output adds up.
    fn depth(&self) -> usize {
        self.c * self.areas()[1]
    }

    /// About what the products take on one thread, in nanoseconds.
    fn work<T>(&self) -> usize {
        let sums = self.n * self.groups * self.o * self.areas()[2];
        sums.saturating_mul(self.depth()) / (512 / size_of::<T>())
    }

    /// Whether patches of rows below each other overlap in memory.
    fn overlaps(&self) -> bool {
        self.stride[0] == 1
    }

    /// Blocks of channels: how many, and of how many channels but for the last.
    fn blocks(&self) -> (usize, usize) {
        let size = BLOCK_DEPTH.div_ceil(self.areas()[1].max(1)).min(self.c).max(1);
        (self.c.div_ceil(size), size)
    }

    fn block(&self, number: usize) -> Range<usize> {
        let size = self.blocks().1;
        number * size..self.c.min((number + 1) * size)
    }

    /// Bands of rows of the output: how many, and of how many rows but for the last. `parts` is how many tasks there
    /// are otherwise.
    fn bands(&self, parts: usize) -> (usize, usize) {
        let ([oh, ow], [kh, kw]) = (self.output, self.kernel);
        let row = self.blocks().1 * kw * ow * if self.overlaps() { 1 } else { kh };
        let near = PATCHES / row.max(1);
        let shared = oh.div_ceil(TASKS.div_ceil(parts.max(1)));
        let rows = near.min(shared).max(BAND_COLS.div_ceil(ow.max(1))).min(oh).max(1);
        (oh.div_ceil(rows), rows)
    }

    fn band(&self, number: usize, rows: usize) -> Band {
        let top = number * rows;
        Band { top, rows: rows.min(self.output[0] - top) }
    }

    /// The weight with the places of its kernel in the order of the patches: column by column.
    fn turned<'a, T: Float>(&self, w: &'a [T], room: &'a mut Storage<T>) -> &'a [T] {
        let [kh, kw] = self.kernel;
        if kh == 1 || kw == 1 {
            return w;
        }
        *room = Storage::recycled(w.len().max(2));
        let to = &mut room.unique_mut().expect("new")[..w.len()];
        for (to, from) in to.chunks_exact_mut(kh * kw).zip(w.chunks_exact(kh * kw)) {
            for (v, to) in to.chunks_exact_mut(kh).enumerate() {
                to.iter_mut().zip(from[v..].iter().step_by(kw)).for_each(|(to, &from)| *to = from);
            }
        }
        to
    }

    /// The gradient of the weight from sums that have a row of output channels for each place, column by column.
    fn turn_back<T: Float>(&self, sums: &[T], w: &mut [T]) {
        let ([kh, kw], o, depth) = (self.kernel, self.o, self.depth());
        for (sums, w) in sums.chunks_exact(depth * o).zip(w.chunks_exact_mut(depth * o)) {
            for (o_, w) in w.chunks_exact_mut(depth).enumerate() {
                for (c, w) in w.chunks_exact_mut(kh * kw).enumerate() {
                    let sums = &sums[c * kh * kw * o + o_..];
                    for (u, w) in w.chunks_exact_mut(kw).enumerate() {
                        w.iter_mut().enumerate().for_each(|(v, w)| *w = sums[(v * kh + u) * o]);
                    }
                }
            }
        }
    }
}

/// y = w ∗ x, with a number for each channel added.
pub(crate) fn conv<T: Float>(sizes: &Sizes, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let Sizes { n, groups, c, o, output: [_, ow], .. } = *sizes;
    let [area, places, out_area] = sizes.areas();
    if y.is_empty() || x.is_empty() {
        let bias = |i: usize| bias.map_or(T::ZERO, |bias| bias[i % bias.len()]);
        return y.chunks_mut(out_area.max(1)).enumerate().for_each(|(i, y)| y.fill(bias(i)));
    }
    let mut room = Storage::Empty;
    let (w, depth) = (sizes.turned(w, &mut room), sizes.depth());
    let ((bands, rows), y) = (sizes.bands(n * groups), Parts::new(y));
    split::each(n * groups * bands, sizes.work::<T>(), |task| {
        let (image, band) = (task / bands, sizes.band(task % bands, rows));
        let group = image % groups;
        let form = Form::new(sizes, band, sizes.overlaps());
        let mut room = form.room(sizes.blocks().1);
        let mut init = bias.map_or(Init::Zero, |bias| Init::RowBias(&bias[group * o..][..o]));
        for number in 0..sizes.blocks().0 {
            let block = sizes.block(number);
            let x = &x[(image * c + block.start) * area..][..block.len() * area];
            let right = form.right(form.patches(x, room.unique_mut().unwrap_or_default()), block.len());
            let a = Mat {
                data: &w[group * o * depth + block.start * places..],
                rows: o,
                cols: block.len() * places,
                row_stride: depth,
                col_stride: 1,
            };
            let at = image * o * out_area + band.top * ow;
            // SAFETY: each band of an image is the task of one.
            let out = unsafe { Out::between(&y, at, [o, band.rows * ow], out_area) };
            strip(a, right, out, init);
            init = Init::Accumulate;
        }
    });
}

/// The gradient of the input: x\[k, p\] summed over the places where it is seen.
pub(crate) fn conv_input<T: Float>(sizes: &Sizes, g: &[T], w: &[T], x: &mut [T]) {
    let Sizes { n, groups, c, o, .. } = *sizes;
    let [area, places, out_area] = sizes.areas();
    if x.is_empty() || g.is_empty() || w.is_empty() {
        return x.fill(T::ZERO);
    }
    let mut room = Storage::Empty;
    let (w, depth, blocks) = (sizes.turned(w, &mut room), sizes.depth(), sizes.blocks().0);
    let x = Parts::new(x);
    split::each(n * groups * blocks, sizes.work::<T>(), |task| {
        let (image, block) = (task / blocks, sizes.block(task % blocks));
        let start = (image * c + block.start) * area;
        // SAFETY: each block of an image's channels is the task of one.
        let x = unsafe { x.part(start..start + block.len() * area) };
        let w = &w[image % groups * o * depth + block.start * places..];
        x.fill(T::ZERO);
        input_task(sizes, block.len(), &g[image * o * out_area..][..o * out_area], w, x);
    });
}

/// The gradient of a block of channels of one image.
fn input_task<T: Float>(sizes: &Sizes, channels: usize, g: &[T], w: &[T], x: &mut [T]) {
    let (o, ow, out_area) = (sizes.o, sizes.output[1], sizes.areas()[2]);
    let (bands, rows) = sizes.bands(TASKS);
    for number in 0..bands {
        let band = sizes.band(number, rows);
        let (form, cols, g) = (Form::new(sizes, band, sizes.overlaps()), band.rows * ow, &g[band.top * ow..]);
        let Products { count, rows, apart } = form.products(channels);
        let mut packed = Storage::Empty;
        let right = if g.len() > FAR {
            packed = Storage::recycled(packed_len(o, cols).max(2));
            let b = Mat { data: g, rows: o, cols, row_stride: out_area, col_stride: 1 };
            Right::packed(b, rows, packed.unique_mut().expect("new"))
        } else {
            Right::runs(g, [1, o], [0, out_area], cols)
        };
        form.fold(x, channels, |patches| {
            for number in 0..count {
                let a = Mat { data: &w[number..], rows, cols: o, row_stride: count, col_stride: sizes.depth() };
                let out = Out::new(&mut patches[number * form.step..], [rows, cols], apart);
                strip(a, right, out, Init::Accumulate);
            }
        });
        drop(packed);
    }
}

/// The gradient of the weight.
pub(crate) fn conv_weight<T: Float>(sizes: &Sizes, x: &[T], g: &[T], w: &mut [T]) {
    let Sizes { n, groups, o, .. } = *sizes;
    if w.is_empty() || x.is_empty() || g.is_empty() {
        return w.fill(T::ZERO);
    }
    let (len, places, blocks) = (w.len(), sizes.areas()[1], sizes.blocks().0);
    let images = n.div_ceil((PARTIAL / len).clamp(1, TASKS));
    let count = n.div_ceil(images);
    let mut room = Storage::recycled((count * len).max(2));
    let sums = &mut room.unique_mut().expect("new")[..count * len];
    let parts = Parts::new(sums);
    split::each(count * groups * blocks, sizes.work::<T>(), |task| {
        let (part, block) = (task / blocks, sizes.block(task % blocks));
        let start = (part * sizes.depth() + block.start * places) * o;
        // SAFETY: each block of channels of a group of images is the task of one.
        let sum = unsafe { parts.part(start..start + block.len() * places * o) };
        sum.fill(T::ZERO);
        let (group, first) = (part % groups, part / groups * images);
        for image in first..n.min(first + images) {
            weight_task(sizes, image * groups + group, &block, [x, g], sum);
        }
    });
    let (total, others) = sums.split_at_mut(len);
    others.chunks_exact(len).for_each(|other| map::add_assign(total, other));
    sizes.turn_back(total, w);
}

/// Adds what one image gives to the sums of the places of a block of channels, a row of output channels for each place.
fn weight_task<T: Float>(sizes: &Sizes, image: usize, block: &Range<usize>, [x, g]: [&[T]; 2], sums: &mut [T]) {
    let Sizes { c, o, output: [_, ow], .. } = *sizes;
    let [area, _, out_area] = sizes.areas();
    let x = &x[(image * c + block.start) * area..][..block.len() * area];
    let (bands, rows) = sizes.bands(TASKS);
    let mut packed = Storage::recycled(packed_len(DEPTH, o));
    for number in 0..bands {
        let band = sizes.band(number, rows);
        let form = Form::new(sizes, band, sizes.overlaps() && block.len() * sizes.kernel[1] >= FEW);
        let mut room = form.room(block.len());
        let patches = form.patches(x, room.unique_mut().unwrap_or_default());
        let Products { count, rows, apart } = form.products(block.len());
        for p in (0..band.rows * ow).step_by(DEPTH) {
            let cols = DEPTH.min(band.rows * ow - p);
            let g = &g[image * o * out_area + band.top * ow + p..];
            let b = Mat { data: g, rows: cols, cols: o, row_stride: 1, col_stride: out_area };
            let right = Right::packed(b, rows, packed.unique_mut().expect("new"));
            for number in 0..count {
                let a = Mat { data: &patches[number * form.step + p..], rows, cols, row_stride: apart, col_stride: 1 };
                strip(a, right, Out::new(&mut sums[number * o..], [rows, o], count * o), Init::Accumulate);
            }
        }
    }
}
