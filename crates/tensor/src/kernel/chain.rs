//! Chains of elementwise rules over whole arrays, a cache-sized block at a time: what lies between the inputs and the
//! result never reaches memory.

use std::ops::Range;

use smallvec::SmallVec;

use super::copy::Reader;
use super::cpu::{bring_near, bring_near_to_write};
use super::map::add;
use super::reduce::{self, Sum};
use super::split::{self, Parts};
use crate::float::Float;
use crate::storage::Storage;

/// An elementwise rule behind a pointer, for flat pieces of arrays.
#[doc(hidden)]
#[allow(unreachable_pub)]
pub trait Pointwise<T: Float>: Sync {
    /// out = rule(x).
    fn eval(&self, x: &[&[T]], out: &mut [T]);
    /// outᵢ = g·∂rule/∂xᵢ, where y = rule(x).
    fn vjp(&self, g: &[T], x: &[&[T]], y: &[T], out: &mut [&mut [T]]);
    /// rule(x) of numbers.
    fn eval_numbers(&self, x: &[T]) -> T;
    /// The same gradients of numbers.
    fn vjp_numbers(&self, g: T, x: &[T], y: T, out: &mut [T]);
    /// y = rule(x), and the same gradients.
    fn eval_vjp(&self, g: &[T], x: &[&[T]], y: &mut [T], out: &mut [&mut [T]]);
}

/// What a step reads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum From {
    Input(usize),
    Step(usize),
}

/// A rule, and what it is applied to.
pub(crate) struct Step<'a, T> {
    pub(crate) rule: &'a dyn Pointwise<T>,
    pub(crate) from: SmallVec<[From; ARGS]>,
}

/// Rules in an order in which each comes after what it reads; the last gives the result. Every other step is read by
/// one later step only, which may read it several times.
pub(crate) struct Chain<'a, T: Float> {
    /// The number of elements of every input, every step and the result.
    pub(crate) len: usize,
    pub(crate) inputs: SmallVec<[Reader<'a, T>; INPUTS]>,
    pub(crate) steps: SmallVec<[Step<'a, T>; STEPS]>,
}

/// The most arguments of a step, inputs of a chain, and steps.
pub(crate) const ARGS: usize = 4;
pub(crate) const INPUTS: usize = 8;
pub(crate) const STEPS: usize = 8;

/// Elements of a block: a dozen blocks of f32 fit into the first cache, and what a step costs beside its arithmetic,
/// some ten nanoseconds, is spread over enough of them. It divides the grain of parallel work and the blocks of sums.
const BLOCK: usize = 512;

/// Scratch for a task, in blocks, and the part of an array that the task fills.
struct Room<'a, T: Float> {
    storage: Storage<T>,
    at: *mut T,
    blocks: usize,
    filled: Parts<'a, T>,
    /// The number of the element that the part begins with.
    first: usize,
}

impl<'a, T: Float> Room<'a, T> {
    fn new(blocks: usize, filled: &'a mut [T], first: usize) -> Room<'a, T> {
        // Two at least, so that it is a buffer, which stays where it is when the room moves.
        let mut storage = Storage::recycled(blocks.max(1) * BLOCK);
        let at = storage.unique_mut().expect("a new buffer is not shared").as_mut_ptr();
        Room { storage, at, blocks, filled: Parts::new(filled), first }
    }

    /// # Safety
    /// Nothing else uses the block while the slice lives.
    #[allow(clippy::mut_from_ref, reason = "the caller promises different blocks")]
    unsafe fn block(&self, number: usize, len: usize) -> &mut [T] {
        debug_assert!(number < self.blocks && len <= BLOCK && !self.storage.is_empty());
        // SAFETY: inside the buffer, which we own; the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.at.add(number * BLOCK), len) }
    }

    /// Elements of what is filled, by their numbers in the whole array.
    ///
    /// # Safety
    /// No part that overlaps this one is in use.
    #[allow(clippy::mut_from_ref, reason = "the caller promises disjoint parts")]
    unsafe fn filled(&self, range: Range<usize>) -> &mut [T] {
        // SAFETY: the caller's promise.
        unsafe { self.filled.part(range.start - self.first..range.end - self.first) }
    }
}

/// Elements that are fetched together: whole cache lines.
const FETCHED: usize = 32;

type Args<'a, T> = [&'a [T]; ARGS];
type Inputs<'a, T> = [&'a [T]; INPUTS];

// A task's room holds, in this order, a block for each input, where it must be gathered; one for each step's value; and
// in the backward pass one for each step's gradient, one for each input's, and spare ones.
impl<T: Float> Chain<'_, T> {
    /// The result, written to `out`.
    pub(crate) fn eval(&self, out: &mut [T]) {
        split::pieces(out, &|start, out| {
            let room = self.room(0, &mut [], 0);
            self.blocks(start, out, &room);
        });
    }

    /// The sum of the result's elements, with the bits that the sum of the array would have.
    pub(crate) fn sum(&self) -> T {
        reduce::all_of(Sum, self.len, &|range| self.sum_of(range))
    }

    /// The sum of a range of at most [`reduce::BLOCK`] elements of the result.
    fn sum_of(&self, range: Range<usize>) -> T {
        let mut out = [T::ZERO; reduce::BLOCK];
        let out = &mut out[..range.len()];
        self.blocks(range.start, out, &self.room(0, &mut [], 0));
        reduce::block(Sum, out)
    }

    /// The numbers that [`vjp`](Chain::vjp) leaves of the result for its sum.
    pub(crate) fn parts_of_sum(&self) -> usize {
        self.len.div_ceil(reduce::BLOCK)
    }

    /// [`sum`](Chain::sum), to the bit, from what [`vjp`](Chain::vjp) has left of the result.
    pub(crate) fn sum_of_parts(&self, parts: &[T]) -> T {
        reduce::all_of(Sum, self.len, &|range| parts[range.start / reduce::BLOCK])
    }

    /// Room for the inputs, the steps and `more` blocks, and what is to be filled from element `first` on.
    fn room<'b>(&self, more: usize, filled: &'b mut [T], first: usize) -> Room<'b, T> {
        let room = Room::new(self.inputs.len() + self.steps.len() + more, filled, first);
        for (k, input) in self.inputs.iter().enumerate() {
            if let Reader::Splat(x) = input {
                // SAFETY: nobody else has the room yet.
                unsafe { room.block(k, BLOCK) }.fill(*x);
            }
        }
        room
    }

    /// The results from number `start` on, block by block.
    fn blocks(&self, start: usize, out: &mut [T], room: &Room<'_, T>) {
        let (last, end) = (self.steps.len() - 1, start + out.len());
        for (i, out) in out.chunks_mut(BLOCK).enumerate() {
            let block = start + i * BLOCK..start + i * BLOCK + out.len();
            let x = self.read(&block, room);
            self.before_last(&x, out.len(), room, |step| self.fetch(&block, end, (step, self.steps.len()), &[], room));
            let step = &self.steps[last];
            step.rule.eval(&self.args(last, &x, out.len(), room)[..step.from.len()], out);
        }
    }

    /// A block of each input.
    fn read<'b>(&'b self, block: &Range<usize>, room: &'b Room<'_, T>) -> Inputs<'b, T> {
        let mut x: Inputs<'b, T> = [&[]; INPUTS];
        for (k, (x, input)) in x.iter_mut().zip(&self.inputs).enumerate() {
            // SAFETY: the first blocks are the inputs', each for one of them.
            *x = input.block(block.start, block.len(), unsafe { room.block(k, BLOCK) });
        }
        x
    }

    /// Brings a share of the block that follows, up to `end`, near: what will be read of the inputs, and what will be
    /// written. Blocks are too short for the processor to see what is coming, and if the whole were asked for at once, it
    /// would wait until its places for lines on their way were free again; so each step asks for a share. A step that is
    /// alone asks for all, but for more than two inputs that would be too much.
    fn fetch(
        &self,
        block: &Range<usize>,
        end: usize,
        (share, of): (usize, usize),
        targets: &[Target<'_, T>],
        room: &Room<'_, T>,
    ) {
        if self.steps.len() == 1 && self.inputs.len() > 2 {
            return;
        }
        let at = |share: usize| end.min(block.end + BLOCK / FETCHED * share / of * FETCHED);
        let part = at(share)..at(share + 1);
        for input in &self.inputs {
            if let Reader::Flat(data) = input {
                bring_near(&data[part.clone()]);
            }
        }
        for target in targets {
            // SAFETY: it belongs to this task, and no slice of it is alive.
            match target {
                Target::Array(out) => bring_near_to_write(unsafe { out.part(part.clone()) }),
                Target::Filled => bring_near_to_write(unsafe { room.filled(part.clone()) }),
                _ => {}
            }
        }
    }

    fn value(&self, step: usize) -> usize {
        self.inputs.len() + step
    }

    /// The values of all steps but the last; `before` is called with the number of each.
    fn before_last(&self, x: &Inputs<'_, T>, len: usize, room: &Room<'_, T>, before: impl Fn(usize)) {
        for (i, step) in self.steps[..self.steps.len() - 1].iter().enumerate() {
            before(i);
            // SAFETY: a step reads inputs and earlier steps.
            let out = unsafe { room.block(self.value(i), len) };
            step.rule.eval(&self.args(i, x, len, room)[..step.from.len()], out);
        }
        before(self.steps.len() - 1);
    }

    fn args<'b>(&self, step: usize, x: &Inputs<'b, T>, len: usize, room: &'b Room<'_, T>) -> Args<'b, T> {
        let mut args: Args<'b, T> = [&[]; ARGS];
        for (arg, from) in args.iter_mut().zip(&self.steps[step].from) {
            *arg = match *from {
                From::Input(k) => x[k],
                // SAFETY: a value is written before it is read, and not again for this block.
                From::Step(i) => unsafe { room.block(self.value(i), len) },
            };
        }
        args
    }
}

/// What becomes of the gradient towards an input.
pub(crate) enum Wanted<'a, T> {
    /// Nothing.
    Nothing,
    /// [`Chain::vjp_by_parts`] writes it to the parts of an array that it is given.
    Parts,
    /// It is written here, element by element.
    Array(&'a mut [T]),
    /// The input is one number; the sum over each block is written here, [`sums`] of them in all.
    Sums(&'a mut [T]),
}

/// Writes the elements of an array from a number on to a slice.
pub(crate) type Fill<'a, T> = dyn Fn(usize, &mut [T]) + Sync + 'a;

/// How many sums stand for `len` elements.
pub(crate) fn sums(len: usize) -> usize {
    len.div_ceil(BLOCK)
}

/// As [`Wanted`], shared among threads.
enum Target<'a, T> {
    Nothing,
    /// The part of an array that is being filled.
    Filled,
    Array(Parts<'a, T>),
    Sums(Parts<'a, T>),
}

/// Where a gradient is written: to a block of the room, or to the array that is wanted of an input.
#[derive(Clone, Copy)]
enum To {
    Block(usize),
    Array(usize),
}

/// Where a step's gradient towards an argument is written, and what that is then added to.
#[derive(Clone, Copy)]
struct Route {
    to: To,
    sum: Option<To>,
}

/// How gradients flow through a chain: for each step, where those towards its arguments go.
struct Routes<'a, T> {
    targets: SmallVec<[Target<'a, T>; INPUTS]>,
    of: SmallVec<[SmallVec<[Route; ARGS]>; STEPS]>,
}

impl<T: Float> Chain<'_, T> {
    /// The gradients of Σ g·result towards the inputs. What lies between is computed again, block by block, and so is
    /// the result, of which the sums of [`reduce::BLOCK`] elements are left in `parts` where they are asked for.
    pub(crate) fn vjp(&self, g: &Reader<'_, T>, wanted: SmallVec<[Wanted<'_, T>; INPUTS]>, parts: Option<&mut [T]>) {
        let routes = self.routes(wanted);
        let parts = parts.map(Parts::new);
        split::ranges(self.len, split::RATE, |range| self.vjp_range(range, &mut [], g, &routes, parts.as_ref()));
    }

    /// As [`vjp`](Chain::vjp), but `consume` says when what is computed: it must fill every element of an array once,
    /// with the gradient that is wanted by parts, and the other gradients are written at the same time. None of them
    /// may be wanted as sums.
    pub(crate) fn vjp_by_parts(
        &self,
        g: &Reader<'_, T>,
        wanted: SmallVec<[Wanted<'_, T>; INPUTS]>,
        parts: Option<&mut [T]>,
        consume: impl FnOnce(&Fill<'_, T>),
    ) {
        let routes = self.routes(wanted);
        assert!(!routes.targets.iter().any(|target| matches!(target, Target::Sums(_))), "sums of parts");
        let parts = parts.map(Parts::new);
        consume(&|start, out: &mut [T]| {
            self.vjp_range(start..start + out.len(), out, g, &routes, parts.as_ref());
        });
    }

    fn gradient(&self, of: From) -> usize {
        match of {
            From::Step(i) => self.inputs.len() + self.steps.len() + i,
            From::Input(k) => self.inputs.len() + 2 * self.steps.len() + k,
        }
    }

    fn routes<'a>(&self, wanted: SmallVec<[Wanted<'a, T>; INPUTS]>) -> Routes<'a, T> {
        let share = |wanted| match wanted {
            Wanted::Nothing => Target::Nothing,
            Wanted::Parts => Target::Filled,
            Wanted::Array(out) => Target::Array(Parts::new(out)),
            Wanted::Sums(out) => Target::Sums(Parts::new(out)),
        };
        let targets: SmallVec<[_; INPUTS]> = wanted.into_iter().map(share).collect();
        let spare = 2 * (self.inputs.len() + self.steps.len());
        let mut met: SmallVec<[From; ARGS * STEPS]> = SmallVec::new();
        let mut of: SmallVec<[SmallVec<[Route; ARGS]>; STEPS]> = SmallVec::new();
        // Gradients are sent in the reverse order, and the first to arrive is not added to anything.
        for step in self.steps.iter().rev() {
            let mut routes = SmallVec::new();
            for (argument, &from) in step.from.iter().enumerate() {
                let to = match from {
                    From::Input(k) if matches!(targets[k], Target::Array(_) | Target::Filled) => To::Array(k),
                    from => To::Block(self.gradient(from)),
                };
                let first = !met.contains(&from);
                met.push(from);
                routes.push(match first {
                    true => Route { to, sum: None },
                    false => Route { to: To::Block(spare + argument), sum: Some(to) },
                });
            }
            of.insert(0, routes);
        }
        Routes { targets, of }
    }

    /// The gradients of a range; that which is wanted by parts is written to `filled`.
    fn vjp_range(
        &self,
        range: Range<usize>,
        filled: &mut [T],
        g: &Reader<'_, T>,
        routes: &Routes<'_, T>,
        parts: Option<&Parts<'_, T>>,
    ) {
        let last = self.steps.len() - 1;
        let room = self.room(self.inputs.len() + self.steps.len() + ARGS, filled, range.start);
        let whole = self.whole_blocks(&range);
        // SAFETY: ranges are disjoint, each is met once, and a block belongs to the one that it begins in.
        let mut sums = parts.map(|parts| reduce::BlockSums::new(unsafe { parts.part(whole.clone()) }));
        // SAFETY: only here is the block of the incoming gradient written, and steps only read theirs.
        let seed = |len| unsafe { room.block(self.gradient(From::Step(last)), len) };
        if let Reader::Splat(g) = g {
            seed(BLOCK).fill(*g);
        }
        let mut start = range.start;
        while start < range.end {
            let block = start..range.end.min((start / BLOCK + 1) * BLOCK);
            let x = self.read(&block, &room);
            // Each step takes two shares: one for its value and one for its gradients.
            let fetch = |share| self.fetch(&block, range.end, (share, 2 * last + 2), &routes.targets, &room);
            self.before_last(&x, block.len(), &room, fetch);
            let mut g = g.block(start, block.len(), seed(BLOCK));
            for step in (0..=last).rev() {
                fetch(2 * last + 1 - step);
                self.send(step, g, &x, &block, &room, routes);
                if step > 0 {
                    // SAFETY: the step's only reader has written its gradient; it is read alone now.
                    g = unsafe { room.block(self.gradient(From::Step(step - 1)), block.len()) };
                }
            }
            self.sum_up(&block, &room, &routes.targets);
            let in_whole = (whole.start..whole.end).contains(&(block.start / reduce::BLOCK));
            if let Some(sums) = sums.as_mut().filter(|_| in_whole) {
                // SAFETY: the result has been written, and is only read.
                sums.add(unsafe { room.block(self.value(last), block.len()) });
            }
            start = block.end;
        }
        if let Some(sums) = sums {
            sums.finish();
        }
        let cut = whole.end * reduce::BLOCK..self.len.min((whole.end + 1) * reduce::BLOCK);
        if let (Some(parts), true) = (parts, cut.start < range.end) {
            // SAFETY: as above.
            let sum = unsafe { parts.part(whole.end..whole.end + 1) };
            sum[0] = self.sum_of(cut);
        }
    }

    /// The blocks of a sum that lie in a range as a whole; one that begins in it may follow them.
    fn whole_blocks(&self, range: &Range<usize>) -> Range<usize> {
        let first = range.start.div_ceil(reduce::BLOCK);
        let end = if range.end == self.len { self.parts_of_sum() } else { range.end / reduce::BLOCK };
        first..end.max(first)
    }

    /// Sends a step's gradient `g` on to what the step reads.
    fn send(
        &self,
        number: usize,
        g: &[T],
        x: &Inputs<'_, T>,
        block: &Range<usize>,
        room: &Room<'_, T>,
        routes: &Routes<'_, T>,
    ) {
        let (step, count, len) = (&self.steps[number], self.steps[number].from.len(), block.len());
        // SAFETY: the arguments of a step have different routes, blocks of the room are its task's own, and of the
        // arrays a task takes its own part, while no other is taken.
        let slice = |to: To| unsafe {
            match to {
                To::Block(number) => room.block(number, len),
                To::Array(k) => match &routes.targets[k] {
                    Target::Array(out) => out.part(block.clone()),
                    Target::Filled => room.filled(block.clone()),
                    _ => unreachable!("the route of an array"),
                },
            }
        };
        let routes = &routes.of[number];
        let mut out: [&mut [T]; ARGS] = std::array::from_fn(|k| match routes.get(k) {
            Some(route) => slice(route.to),
            None => &mut [],
        });
        let args = self.args(number, x, len, room);
        // SAFETY: the value of the last step is written here; those of the others have been, and are only read.
        let y = unsafe { room.block(self.value(number), len) };
        if number + 1 < self.steps.len() {
            step.rule.vjp(g, &args[..count], y, &mut out[..count]);
        } else {
            step.rule.eval_vjp(g, &args[..count], y, &mut out[..count]);
        }
        for Route { to, sum } in routes {
            if let Some(sum) = sum {
                add(slice(*sum), slice(*to));
            }
        }
    }

    /// The sums of a block's gradients towards inputs that are one number.
    fn sum_up(&self, block: &Range<usize>, room: &Room<'_, T>, targets: &[Target<'_, T>]) {
        for (k, target) in targets.iter().enumerate() {
            if let Target::Sums(out) = target {
                let at = block.start / BLOCK;
                // SAFETY: a range begins at a multiple of a block, so the sum is this task's; the gradient is complete.
                let (sum, grad) =
                    unsafe { (out.part(at..at + 1), room.block(self.gradient(From::Input(k)), block.len())) };
                sum[0] = reduce::block(Sum, grad);
            }
        }
    }
}
