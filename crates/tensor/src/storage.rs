//! Shared, recycled buffers.
//!
//! A buffer that its last owner drops goes back to a pool of its thread, sorted by size, and the next tensor of about
//! that size takes it from there, contents and reference count included. So a loop that repeats its shapes stops
//! asking the system for memory, and never waits for fresh pages to be touched for the first time.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread::LocalKey;

use crate::float::Element;

/// Vector registers and cache lines are at most this wide, in bytes; buffers begin at a multiple of it.
const ALIGN: usize = 64;

/// Elements with some slack in front, so that they begin aligned.
struct Buffer<T> {
    data: Vec<T>,
    start: usize,
    /// The pool's size class; `None` for data that a user brought, which is freed when dropped.
    class: Option<usize>,
}

/// Where a tensor's elements are.
#[derive(Clone)]
pub(crate) enum Storage<T: Element> {
    /// Nowhere: what a released value holds.
    Empty,
    /// A single element needs no buffer.
    One(T),
    Shared(Shared<T>),
}

/// A reference to a buffer; `None` only while it is being dropped.
#[derive(Clone)]
pub(crate) struct Shared<T: Element>(Option<Arc<Buffer<T>>>);

impl<T: Element> Storage<T> {
    /// Room for `len` elements, whose contents are whatever its last owner left.
    #[inline]
    pub(crate) fn recycled(len: usize) -> Storage<T> {
        if len == 1 {
            return Storage::One(T::default());
        }
        let class = class_of(len);
        let pooled = T::pool().try_with(|pool| pool.borrow_mut().take(class)).ok().flatten();
        Storage::Shared(Shared(Some(pooled.unwrap_or_else(|| Arc::new(Buffer::new(class))))))
    }

    /// A user's data, as it is.
    pub(crate) fn from_vec(data: Vec<T>) -> Storage<T> {
        match data[..] {
            [one] => Storage::One(one),
            _ => Storage::Shared(Shared(Some(Arc::new(Buffer { data, start: 0, class: None })))),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Storage::Empty)
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Storage::Empty => &[],
            Storage::One(one) => std::slice::from_ref(one),
            Storage::Shared(shared) => shared.0.as_ref().map_or(&[], |buffer| &buffer.data[buffer.start..]),
        }
    }

    /// The elements for writing, if nobody shares them.
    #[inline]
    pub(crate) fn unique_mut(&mut self) -> Option<&mut [T]> {
        match self {
            Storage::Empty => None,
            Storage::One(one) => Some(std::slice::from_mut(one)),
            Storage::Shared(shared) => {
                let buffer = Arc::get_mut(shared.0.as_mut()?)?;
                Some(&mut buffer.data[buffer.start..])
            }
        }
    }

    /// Whether both refer to one buffer.
    #[inline]
    pub(crate) fn same(&self, other: &Storage<T>) -> bool {
        let (Storage::Shared(a), Storage::Shared(b)) = (self, other) else { return false };
        matches!((&a.0, &b.0), (Some(a), Some(b)) if Arc::ptr_eq(a, b))
    }
}

impl<T: Element> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(give_back);
    }
}

/// A buffer goes back to the pool, if nobody else has it. Apart from `drop`, so that this is little where it is inlined.
#[inline(never)]
fn give_back<T: Element>(buffer: Arc<Buffer<T>>) {
    // Whoever writes to it asks again, so that the others' last reads need not be waited for here.
    let Some(class) = buffer.class.filter(|_| Arc::strong_count(&buffer) == 1) else { return };
    // While the thread ends, its pool may be gone already; the buffer is then freed like any other.
    let _ = T::pool().try_with(|pool| pool.borrow_mut().give(class, buffer));
}

impl<T: Element> Buffer<T> {
    fn new(class: usize) -> Buffer<T> {
        let slack = ALIGN / size_of::<T>() - 1;
        let data = vec![T::default(); class_len(class) + slack];
        let start = data.as_ptr().align_offset(ALIGN).min(slack);
        Buffer { data, start, class: Some(class) }
    }
}

/// The smallest buffers hold this many elements, as a power of two.
const SMALLEST: u32 = 4;

/// Four sizes to each power of two, so that at most a fifth of a buffer is unused.
#[inline]
fn class_of(len: usize) -> usize {
    let last = len.max(1 << SMALLEST) - 1;
    let octave = last.ilog2();
    // The quarter that the last element lies in; a division would take as long as everything else.
    let step = (last >> (octave - 2)) - 3;
    (octave - (SMALLEST - 1)) as usize * 4 + step
}

fn class_len(class: usize) -> usize {
    let octave = (class / 4) as u32 + SMALLEST - 1;
    let quarter = 1usize << octave >> 2;
    (1 << octave) + (class % 4) * quarter
}

/// The free buffers of one thread and one element type.
pub struct Pool<T> {
    classes: Vec<Class<T>>,
    /// The elements of the buffers that this thread has taken and not been given back, and the most there were at once.
    live: isize,
    peak: isize,
}

struct Class<T> {
    free: Vec<Arc<Buffer<T>>>,
    /// The elements of each.
    len: isize,
    /// Buffers that this thread has taken and not been given back.
    taken: isize,
    /// The most that were taken at once: no more than that are ever worth keeping.
    peak: isize,
}

impl<T> Pool<T> {
    pub(crate) const fn new() -> Pool<T> {
        Pool { classes: Vec::new(), live: 0, peak: 0 }
    }

    #[cold]
    fn grow(&mut self, class: usize) {
        for class in self.classes.len()..=class {
            self.classes.push(Class { free: Vec::new(), len: class_len(class) as isize, taken: 0, peak: 0 });
        }
    }

    #[inline]
    fn take(&mut self, class: usize) -> Option<Arc<Buffer<T>>> {
        if class >= self.classes.len() {
            self.grow(class);
        }
        let class = &mut self.classes[class];
        self.live += class.len;
        self.peak = self.peak.max(self.live);
        class.taken += 1;
        class.peak = class.peak.max(class.taken);
        class.free.pop()
    }

    /// Keeps a buffer, unless this thread never needs as many: one that only drops what others make keeps nothing.
    #[inline]
    fn give(&mut self, class: usize, buffer: Arc<Buffer<T>>) {
        if class >= self.classes.len() {
            self.grow(class);
        }
        let class = &mut self.classes[class];
        self.live -= class.len;
        class.taken -= 1;
        if (class.free.len() as isize) < class.peak {
            class.free.push(buffer);
        }
    }
}

/// The buffers of one element type that a thread uses, in bytes: see [`Tensor::buffers`](crate::Tensor::buffers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffers {
    /// Those that tensors hold now.
    pub live: usize,
    /// The most that tensors held at once since the thread began, or since
    /// [`Tensor::reset_peak`](crate::Tensor::reset_peak).
    pub peak: usize,
    /// Those that are kept for reuse.
    pub kept: usize,
}

impl<T> Pool<T> {
    /// What the buffers take.
    pub(crate) fn buffers(&self) -> Buffers {
        let bytes = |elements: isize| elements.max(0) as usize * size_of::<T>();
        let kept =
            self.classes.iter().enumerate().map(|(class, free)| class_len(class) * free.free.len()).sum::<usize>();
        Buffers { live: bytes(self.live), peak: bytes(self.peak), kept: kept * size_of::<T>() }
    }

    /// Begins a new peak at what is live now.
    pub(crate) fn reset_peak(&mut self) {
        self.peak = self.live;
    }
}

/// A thread's pool for an element type.
#[allow(unreachable_pub)]
pub type PoolKey<T> = &'static LocalKey<RefCell<Pool<T>>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_is_asked_and_little_more() {
        for len in (0..10_000).chain([1 << 20, (1 << 20) + 1, 3_000_000_000]) {
            let got = class_len(class_of(len));
            assert!(got >= len && got <= (len + len / 4 + 4).max(16), "{len} -> {got}");
        }
    }

    #[test]
    fn a_dropped_buffer_is_taken_again_and_aligned() {
        let first = Storage::<f32>::recycled(1000);
        let at = first.as_slice().as_ptr();
        assert_eq!(at as usize % ALIGN, 0);
        drop(first);
        assert_eq!(Storage::<f32>::recycled(990).as_slice().as_ptr(), at);
    }

    #[test]
    fn a_shared_buffer_is_not_handed_out() {
        let first = Storage::<f64>::recycled(100);
        let second = first.clone();
        assert!(first.same(&second));
        drop(first);
        assert!(!Storage::<f64>::recycled(100).same(&second));
    }

    #[test]
    fn a_thread_that_only_drops_keeps_nothing() {
        let made: Vec<_> = (0..10).map(|_| Storage::<i64>::recycled(100)).collect();
        std::thread::spawn(move || {
            drop(made);
            let kept = i64::pool().with(|pool| pool.borrow().classes.iter().map(|c| c.free.len()).sum::<usize>());
            assert_eq!(kept, 0);
        })
        .join()
        .expect("no panic");
    }
}
