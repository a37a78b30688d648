//! What a kernel sees at each place of the output, laid out for products, and its adjoint.

use super::super::cpu::{Kernel, MulAdd, dispatch};
use super::super::matmul::Right;
use super::Sizes;
use crate::float::Float;
use crate::storage::Storage;

/// Rows of the output.
#[derive(Clone, Copy)]
pub(super) struct Band {
    pub(super) top: usize,
    pub(super) rows: usize,
}

/// How the patches of a band lie: for each channel and column of the kernel a plane, in which those of the next row of
/// the kernel begin `step` elements later.
#[derive(Clone, Copy)]
pub(super) struct Form<'s> {
    sizes: &'s Sizes,
    band: Band,
    /// Whether rows of the kernel see the same memory, so that a row of the image lies there once.
    overlaps: bool,
    plane: usize,
    pub(super) step: usize,
}

/// The products that a block of channels takes part in as the operand whose rows are places of the kernel: `count` of
/// them, each a step further, of rows that are `apart`.
pub(super) struct Products {
    pub(super) count: usize,
    pub(super) rows: usize,
    pub(super) apart: usize,
}

/// The columns of the output, `from..to`, whose place in the image is not padding, and the first such place.
#[derive(Clone, Copy)]
struct Span {
    from: usize,
    to: usize,
    first: usize,
}

impl<'s> Form<'s> {
    pub(super) fn new(sizes: &'s Sizes, band: Band, overlaps: bool) -> Form<'s> {
        let (kh, ow, dilation) = (sizes.kernel[0], sizes.output[1], sizes.dilation[0]);
        let height = if overlaps { band.rows + (kh - 1) * dilation } else { kh * band.rows };
        let step = if overlaps { dilation } else { band.rows } * ow;
        let mut form = Form { sizes, band, overlaps, plane: height * ow, step };
        if form.is_image() {
            form.plane = sizes.areas()[0];
        }
        form
    }

    /// Whether the image itself lies as its patches would.
    fn is_image(&self) -> bool {
        let Sizes { input, kernel, output, stride, padding, .. } = self.sizes;
        let inside = output[0] + (kernel[0] - 1) * self.sizes.dilation[0] <= input[0];
        (self.overlaps || kernel[0] == 1)
            && kernel[1] == 1
            && *stride == [1, 1]
            && *padding == [0, 0]
            && output[1] == input[1]
            && inside
    }

    /// A buffer for the patches of some channels, if they need one.
    pub(super) fn room<T: Float>(&self, channels: usize) -> Storage<T> {
        let len = channels * self.sizes.kernel[1] * self.plane;
        if self.is_image() { Storage::Empty } else { Storage::recycled(len.max(2)) }
    }

    /// The patches of some channels of an image.
    pub(super) fn patches<'a, T: Float>(&self, x: &'a [T], room: &'a mut [T]) -> &'a [T] {
        if self.is_image() {
            return &x[(self.band.top * self.sizes.output[1]).min(x.len())..];
        }
        dispatch(Lay { form: *self, x, to: room });
        room
    }

    /// Patches that `add` adds to zeros, added to the channels of an image: the adjoint of [`patches`](Form::patches).
    pub(super) fn fold<T: Float>(&self, x: &mut [T], channels: usize, add: impl FnOnce(&mut [T])) {
        if self.is_image() {
            return add(&mut x[self.band.top * self.sizes.output[1]..]);
        }
        let mut room = self.room(channels);
        let patches = &mut room.unique_mut().expect("new")[..channels * self.sizes.kernel[1] * self.plane];
        patches.fill(T::ZERO);
        add(patches);
        dispatch(Fold { form: *self, from: patches, x });
    }

    /// The patches as the right operand of a product over the places of the kernel.
    pub(super) fn right<'a, T: Float>(&self, patches: &'a [T], channels: usize) -> Right<'a, T> {
        let ([kh, kw], cols) = (self.sizes.kernel, self.band.rows * self.sizes.output[1]);
        Right::runs(patches, [channels * kw, kh], [self.plane, self.step], cols)
    }

    pub(super) fn products(&self, channels: usize) -> Products {
        let [kh, kw] = self.sizes.kernel;
        match self.overlaps || kh == 1 {
            true => Products { count: kh, rows: channels * kw, apart: self.plane },
            false => Products { count: 1, rows: channels * kw * kh, apart: self.step },
        }
    }

    /// Where in the image the places of column `v` of the kernel are.
    fn span(&self, v: usize) -> Span {
        let (w, ow) = (self.sizes.input[1], self.sizes.output[1]);
        let (stride, padding, at) = (self.sizes.stride[1], self.sizes.padding[1], v * self.sizes.dilation[1]);
        let before = |place: usize| (place + padding).saturating_sub(at).div_ceil(stride).min(ow);
        let (from, to) = (before(0), before(w));
        Span { from, to: to.max(from), first: (from * stride + at).saturating_sub(padding) }
    }

    /// Calls `f(row of patches, row of the image, span)` for every row of the patches of `channels`, with `None` for a
    /// row of padding; rows are counted through all planes.
    #[inline(always)]
    fn each_row(&self, channels: usize, mut f: impl FnMut(usize, Option<usize>, Span)) {
        let Sizes { input: [h, _], kernel: [kh, kw], stride, padding, dilation, .. } = *self.sizes;
        let (parts, rows) = match self.overlaps {
            true => (1, self.plane / self.sizes.output[1].max(1)),
            false => (kh, self.band.rows),
        };
        let mut to = 0;
        for c in 0..channels {
            for v in 0..kw {
                let span = self.span(v);
                for u in 0..parts {
                    let top = self.band.top * stride[0] + u * dilation[0];
                    for r in 0..rows {
                        let row = (top + r * stride[0]).checked_sub(padding[0]).filter(|&row| row < h);
                        f(to, row.map(|row| c * h + row), span);
                        to += 1;
                    }
                }
            }
        }
    }

    fn channels<T>(&self, x: &[T]) -> usize {
        x.len() / self.sizes.areas()[0].max(1)
    }
}

struct Lay<'a, T> {
    form: Form<'a>,
    x: &'a [T],
    to: &'a mut [T],
}

impl<T: Float> Kernel for Lay<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let Lay { form, x, to } = self;
        let ([_, w], [_, ow], stride) = (form.sizes.input, form.sizes.output, form.sizes.stride[1]);
        form.each_row(
            form.channels(x),
            #[inline(always)]
            |row, from, Span { from: left, to: right, first }| {
                let to = &mut to[row * ow..][..ow];
                let Some(from) = from.filter(|_| left < right) else { return to.fill(T::ZERO) };
                if right - left < ow {
                    to[..left].fill(T::ZERO);
                    to[right..].fill(T::ZERO);
                }
                let (from, to) = (&x[from * w + first..(from + 1) * w], &mut to[left..right]);
                if stride == 1 {
                    copy(&from[..to.len()], to);
                } else {
                    to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, &from)| *to = from);
                }
            },
        );
    }
}

struct Fold<'a, T> {
    form: Form<'a>,
    from: &'a [T],
    x: &'a mut [T],
}

impl<T: Float> Kernel for Fold<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<M: MulAdd>(self) {
        let Fold { form, from, x } = self;
        let ([_, w], [_, ow], stride) = (form.sizes.input, form.sizes.output, form.sizes.stride[1]);
        form.each_row(
            form.channels(x),
            #[inline(always)]
            |row, to, Span { from: left, to: right, first }| {
                let Some(to) = to.filter(|_| left < right) else { return };
                let (from, to) = (&from[row * ow..][left..right], &mut x[to * w + first..(to + 1) * w]);
                if stride == 1 {
                    add(&mut to[..from.len()], from);
                } else {
                    to.iter_mut().step_by(stride).zip(from).for_each(|(to, &from)| *to += from);
                }
            },
        );
    }
}

/// Elements of an array of `N` at a place of a slice.
#[inline(always)]
fn array<const N: usize, T>(x: &[T], at: usize) -> &[T; N] {
    x[at..at + N].try_into().expect("as long")
}

#[inline(always)]
fn array_mut<const N: usize, T>(x: &mut [T], at: usize) -> &mut [T; N] {
    (&mut x[at..at + N]).try_into().expect("as long")
}

/// A short row, copied without a call: in vectors, of which the last overlaps the one before.
#[inline(always)]
fn copy<T: Copy>(from: &[T], to: &mut [T]) {
    match from.len() {
        0..4 => to.iter_mut().zip(from).for_each(|(to, &from)| *to = from),
        4..8 => copy_by::<4, T>(from, to),
        8..16 => copy_by::<8, T>(from, to),
        _ => copy_by::<16, T>(from, to),
    }
}

#[inline(always)]
fn copy_by<const N: usize, T: Copy>(from: &[T], to: &mut [T]) {
    let n = from.len();
    for at in (0..n - N).step_by(N) {
        *array_mut::<N, T>(to, at) = *array(from, at);
    }
    *array_mut::<N, T>(to, n - N) = *array(from, n - N);
}

/// `to += from` for short rows: in vectors, and then one by one.
#[inline(always)]
fn add<T: Float>(to: &mut [T], from: &[T]) {
    let n = from.len();
    let whole = n / 8 * 8;
    for at in (0..whole).step_by(8) {
        let (to, from) = (array_mut::<8, T>(to, at), array::<8, T>(from, at));
        for i in 0..8 {
            to[i] += from[i];
        }
    }
    for i in whole..n {
        to[i] += from[i];
    }
}
