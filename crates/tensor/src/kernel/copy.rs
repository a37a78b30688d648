//! Reading strided elements in row-major order.

use std::ops::AddAssign;

use smallvec::SmallVec;

/// Elements of a slice as seen through sizes and strides: element `i` lies at `offset + Σ iₐ·strideₐ`.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) offset: usize,
    pub(crate) sizes: &'a [usize],
    pub(crate) strides: &'a [isize],
}

/// Axes that one stride walks, merged: (size, stride), outermost first.
type Runs = SmallVec<[(usize, isize); 4]>;

/// How strided elements are read fastest.
pub(crate) enum Reader<'a, T> {
    /// They lie one after the other.
    Flat(&'a [T]),
    /// They are all the same one.
    Splat(T),
    /// They must be gathered.
    Gather { data: &'a [T], offset: usize, runs: Runs },
}

impl<'a, T: Copy> Strided<'a, T> {
    pub(crate) fn reader(self) -> Reader<'a, T> {
        Reader::new(self.data, self.offset, self.sizes, self.strides)
    }

    /// Copies the elements to `out`, in row-major order.
    pub(crate) fn copy_to(self, out: &mut [T]) {
        match self.reader() {
            Reader::Flat(data) => out.copy_from_slice(data),
            Reader::Splat(x) => out.fill(x),
            Reader::Gather { data, offset, runs } => gather(data, offset, &runs, 0, out),
        }
    }
}

/// The number of elements, if they lie one after the other, as nearly always.
#[inline]
fn flat_len(sizes: &[usize], strides: &[isize]) -> Option<usize> {
    let mut len = 1;
    for (&size, &stride) in sizes.iter().zip(strides).rev() {
        if stride != len as isize || size == 0 {
            return None;
        }
        len *= size;
    }
    Some(len)
}

fn merge(sizes: &[usize], strides: &[isize]) -> Runs {
    let mut runs = Runs::new();
    for (&size, &stride) in sizes.iter().zip(strides).filter(|(size, _)| **size != 1) {
        match runs.last_mut() {
            Some(last) if last.1 == stride * size as isize => *last = (last.0 * size, stride),
            _ => runs.push((size, stride)),
        }
    }
    runs
}

impl<'a, T: Copy> Reader<'a, T> {
    /// The way to read elements of `data`, as in [`Strided`].
    pub(crate) fn new(data: &'a [T], offset: usize, sizes: &[usize], strides: &[isize]) -> Reader<'a, T> {
        if let Some(n) = flat_len(sizes, strides) {
            return Reader::Flat(&data[offset..offset + n]);
        }
        let runs = merge(sizes, strides);
        match runs[..] {
            _ if sizes.contains(&0) => Reader::Flat(&[]),
            [] => Reader::Flat(&data[offset..offset + 1]),
            [(n, 1)] => Reader::Flat(&data[offset..offset + n]),
            [(_, 0)] => Reader::Splat(data[offset]),
            _ => Reader::Gather { data, offset, runs },
        }
    }

    /// The elements `start..start + len`, gathered into `block` where they do not lie together. A splat is expected
    /// to stand in `block` already.
    #[inline(always)]
    pub(crate) fn block<'b>(&'b self, start: usize, len: usize, block: &'b mut [T]) -> &'b [T] {
        match self {
            Reader::Flat(data) => &data[start..start + len],
            Reader::Splat(_) => &block[..len],
            Reader::Gather { data, offset, runs } => {
                gather(data, *offset, runs, start, &mut block[..len]);
                &block[..len]
            }
        }
    }
}

/// Copies the elements from number `start` on to `out`, a row of the innermost run at a time.
fn gather<T: Copy>(data: &[T], offset: usize, runs: &Runs, start: usize, out: &mut [T]) {
    let Some((&(row, stride), outer)) = runs.split_last() else { return };
    let mut index = SmallVec::<[usize; 4]>::from_elem(0, outer.len());
    let mut rest = start / row;
    let mut at = offset as isize;
    for (i, &(size, step)) in outer.iter().enumerate().rev() {
        index[i] = rest % size;
        rest /= size;
        at += index[i] as isize * step;
    }
    let mut column = start % row;
    let mut out = out;
    while !out.is_empty() {
        let (now, later) = out.split_at_mut(out.len().min(row - column));
        copy_row(data, at + column as isize * stride, stride, now);
        (out, column) = (later, 0);
        advance(outer, &mut index, &mut at);
    }
}

/// Moves an odometer over the outer runs by one row.
#[inline]
fn advance(outer: &[(usize, isize)], index: &mut [usize], at: &mut isize) {
    for (i, &(size, step)) in outer.iter().enumerate().rev() {
        index[i] += 1;
        *at += step;
        if index[i] < size {
            return;
        }
        index[i] = 0;
        *at -= size as isize * step;
    }
}

#[inline]
fn copy_row<T: Copy>(data: &[T], at: isize, stride: isize, out: &mut [T]) {
    match stride {
        0 => out.fill(data[at as usize]),
        1 => out.copy_from_slice(&data[at as usize..at as usize + out.len()]),
        _ => {
            for (i, out) in out.iter_mut().enumerate() {
                *out = data[(at + i as isize * stride) as usize];
            }
        }
    }
}

/// Copies `values`, in row-major order, to the strided elements of `out` at `offset`.
pub(crate) fn scatter_to<T: Copy>(values: &[T], out: &mut [T], offset: usize, sizes: &[usize], strides: &[isize]) {
    scatter_with(values, out, offset, sizes, strides, |out, value| *out = value);
}

/// Adds `values`, in row-major order, to the strided elements of `out` at `offset`.
pub(crate) fn scatter_add<T: Copy + AddAssign>(
    values: &[T],
    out: &mut [T],
    offset: usize,
    sizes: &[usize],
    strides: &[isize],
) {
    scatter_with(values, out, offset, sizes, strides, |out, value| *out += value);
}

#[inline(always)]
fn scatter_with<T: Copy>(
    values: &[T],
    out: &mut [T],
    offset: usize,
    sizes: &[usize],
    strides: &[isize],
    put: impl Fn(&mut T, T),
) {
    if values.is_empty() {
        return;
    }
    let runs = merge(sizes, strides);
    let (&(row, stride), outer) = runs.split_last().unwrap_or((&(1, 1), &[]));
    let mut index = SmallVec::<[usize; 4]>::from_elem(0, outer.len());
    let mut at = offset as isize;
    for values in values.chunks_exact(row) {
        if stride == 1 {
            out[at as usize..][..row].iter_mut().zip(values).for_each(|(out, &value)| put(out, value));
        } else {
            for (i, &value) in values.iter().enumerate() {
                put(&mut out[(at + i as isize * stride) as usize], value);
            }
        }
        advance(outer, &mut index, &mut at);
    }
}

/// Fills rows of `n` elements with two values: `inside` up to the column that is the row plus `k`, `outside` beyond.
pub(crate) fn fill_triangle<T: Copy>(out: &mut [T], n: usize, k: isize, inside: T, outside: T) {
    for (i, row) in out.chunks_exact_mut(n.max(1)).enumerate() {
        let end = (i as isize).saturating_add(k).saturating_add(1).clamp(0, n as isize) as usize;
        let (below, above) = row.split_at_mut(end);
        below.fill(inside);
        above.fill(outside);
    }
}
