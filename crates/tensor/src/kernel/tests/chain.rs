use proptest::prelude::*;

use super::{LARGE, Lies, Operand, assert_bits, lies, noise, on_any_threads, special};
use crate::float::Float;
use crate::kernel::chain::{ARGS, Chain, From, INPUTS, Pointwise, STEPS, Step, Wanted, sums};
use crate::kernel::reduce::{self, Sum};

/// A rule of so many arguments, in plain arithmetic.
struct Rule(usize);

const RULES: [Rule; ARGS] = [Rule(1), Rule(2), Rule(3), Rule(4)];

impl Rule {
    fn value<T: Float>(&self, [a, b, c, d]: [T; ARGS]) -> T {
        let half = T::from_f64(0.5);
        match self.0 {
            1 => half - a * a,
            2 => half * (a * b - a),
            3 => half * (a * b + c),
            _ => half * half * (a * b + c - d),
        }
    }

    /// Not the derivatives, but they show whether x and y are passed.
    fn partials<T: Float>(&self, [a, b, c, d]: [T; ARGS], y: T) -> [T; ARGS] {
        match self.0 {
            1 => [a - y, a, a, a],
            2 => [b, a + y, a, a],
            3 => [b * y, c, a - b, a],
            _ => [d, y, a * b, c],
        }
    }
}

/// Number `i` of each argument.
fn at<T: Float>(x: &[&[T]], i: usize) -> [T; ARGS] {
    std::array::from_fn(|k| x.get(k).map_or(T::ZERO, |x| x[i]))
}

impl<T: Float> Pointwise<T> for Rule {
    fn eval(&self, x: &[&[T]], out: &mut [T]) {
        assert!(x.len() == self.0 && x.iter().all(|x| x.len() == out.len()));
        out.iter_mut().enumerate().for_each(|(i, out)| *out = self.value(at(x, i)));
    }

    fn vjp(&self, g: &[T], x: &[&[T]], y: &[T], out: &mut [&mut [T]]) {
        assert!(y.len() == g.len() && out.len() == self.0 && out.iter().all(|out| out.len() == g.len()));
        for i in 0..g.len() {
            let d = self.partials(at(x, i), y[i]);
            out.iter_mut().zip(d).for_each(|(out, d)| out[i] = g[i] * d);
        }
    }

    fn eval_numbers(&self, _x: &[T]) -> T {
        unreachable!("a chain is of arrays");
    }

    fn vjp_numbers(&self, _g: T, _x: &[T], _y: T, _out: &mut [T]) {
        unreachable!("a chain is of arrays");
    }

    fn eval_vjp(&self, g: &[T], x: &[&[T]], y: &mut [T], out: &mut [&mut [T]]) {
        self.eval(x, y);
        self.vjp(g, x, y, out);
    }
}

/// A chain that owns its inputs, and an incoming gradient.
struct Case<T> {
    inputs: Vec<Operand<T>>,
    g: Operand<T>,
    steps: Vec<Vec<From>>,
}

impl<T: Float> Case<T> {
    /// Operands that lie as `lies` says, the gradient's last.
    fn new<E: FnMut() -> T>(sizes: &[usize], lies: &[Lies], draws: &[Draw], element: impl Fn(u64) -> E) -> Case<T> {
        let operand = |(seed, &lies)| Operand::new(sizes, lies, element(seed as u64));
        let mut inputs: Vec<_> = lies.iter().enumerate().map(operand).collect();
        let g = inputs.pop().expect("a gradient");
        Case { steps: steps(draws, inputs.len()), inputs, g }
    }

    fn chain(&self) -> Chain<'_, T> {
        let step = |from: &Vec<From>| Step { rule: &RULES[from.len() - 1], from: from.iter().copied().collect() };
        let inputs = self.inputs.iter().map(|x| x.strided().reader()).collect();
        Chain { len: self.g.len(), inputs, steps: self.steps.iter().map(step).collect() }
    }

    /// Every step's value, an array after the other.
    fn values(&self) -> Vec<Vec<T>> {
        let mut values: Vec<Vec<T>> = Vec::new();
        for from in &self.steps {
            let x: Vec<_> = from.iter().map(|&from| self.source(from, &values)).collect();
            let x: Vec<_> = x.iter().map(Vec::as_slice).collect();
            values.push((0..self.g.len()).map(|i| RULES[from.len() - 1].value(at(&x, i))).collect());
        }
        values
    }

    fn source(&self, from: From, values: &[Vec<T>]) -> Vec<T> {
        match from {
            From::Input(k) => self.inputs[k].elements(),
            From::Step(i) => values[i].clone(),
        }
    }

    /// The gradient towards each input, or `None` for one that nothing reads: steps last to first, arguments first to
    /// last, and what comes later is added.
    fn gradients(&self) -> Vec<Option<Vec<T>>> {
        let values = self.values();
        let mut towards: Vec<(From, Vec<T>)> = vec![(From::Step(self.steps.len() - 1), self.g.elements())];
        for (i, from) in self.steps.iter().enumerate().rev() {
            let g = towards.iter().find(|(of, _)| *of == From::Step(i)).expect("its reader is later").1.clone();
            let x: Vec<_> = from.iter().map(|&from| self.source(from, &values)).collect();
            let x: Vec<_> = x.iter().map(Vec::as_slice).collect();
            let d: Vec<_> = (0..g.len()).map(|j| RULES[from.len() - 1].partials(at(&x, j), values[i][j])).collect();
            for (k, &from) in from.iter().enumerate() {
                let more = g.iter().zip(&d).map(|(&g, d)| g * d[k]);
                match towards.iter_mut().find(|(of, _)| *of == from) {
                    Some((_, sum)) => sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more),
                    None => towards.push((from, more.collect())),
                }
            }
        }
        let of = |k| towards.iter().find(|(of, _)| *of == From::Input(k)).map(|(_, grad)| grad.clone());
        (0..self.inputs.len()).map(of).collect()
    }

    fn check_values(&self) {
        let want = self.values().pop().expect("a step");
        let got = on_any_threads(|| {
            let mut out = vec![T::NAN; want.len()];
            self.chain().eval(&mut out);
            out
        });
        assert_bits(&got, &want);
        let sum = on_any_threads(|| vec![self.chain().sum()]);
        assert_bits(&sum, &[reduce::all(Sum, &want)]);
    }

    /// `kinds` says what is wanted of each input, if anything reads it.
    fn check_gradients(&self, kinds: &[Kind], want_sum: bool) {
        let want = self.gradients();
        let kind = |k: usize| if want[k].is_some() { kinds[k] } else { Kind::Nothing };
        let len = |k: usize| [0, self.g.len(), sums(self.g.len())][kind(k) as usize];
        let got = on_any_threads(|| {
            let mut room: Vec<Vec<T>> = (0..want.len()).map(|k| vec![T::NAN; len(k)]).collect();
            let wanted = room.iter_mut().enumerate().map(|(k, room)| match kind(k) {
                Kind::Nothing => Wanted::Nothing,
                Kind::Array => Wanted::Array(room),
                Kind::Sums => Wanted::Sums(room),
            });
            let chain = self.chain();
            let mut parts = vec![T::NAN; chain.parts_of_sum()];
            chain.vjp(&self.g.strided().reader(), wanted.collect(), want_sum.then_some(&mut parts[..]));
            room.push(if want_sum { vec![chain.sum_of_parts(&parts)] } else { Vec::new() });
            room.concat()
        });
        let sum_by_block = |x: &Vec<T>| -> Vec<T> { x.chunks(512).map(|x| reduce::block(Sum, x)).collect() };
        let mut expected = Vec::new();
        for (k, grad) in want.iter().enumerate() {
            match (kind(k), grad) {
                (Kind::Array, Some(grad)) => expected.extend(grad),
                (Kind::Sums, Some(grad)) => expected.extend(sum_by_block(grad)),
                _ => {}
            }
        }
        if want_sum {
            expected.push(reduce::all(Sum, &self.values().pop().expect("a step")));
        }
        assert_bits(&got, &expected);
    }
}

impl<T: Float> Case<T> {
    /// As [`check_gradients`](Case::check_gradients) with arrays, of which the first that is read is filled from the
    /// last part to the first, `size` elements each.
    fn check_parts(&self, size: usize) {
        let (want, len) = (self.gradients(), self.g.len());
        let filled = want.iter().position(Option::is_some).expect("some input is read");
        let mut room: Vec<Vec<T>> = want.iter().map(|want| vec![T::NAN; want.as_ref().map_or(0, Vec::len)]).collect();
        let mut out = std::mem::take(&mut room[filled]);
        let chain = self.chain();
        let mut parts = vec![T::NAN; chain.parts_of_sum()];
        let wanted = room.iter_mut().enumerate().map(|(k, room)| match () {
            _ if k == filled => Wanted::Parts,
            _ if room.is_empty() => Wanted::Nothing,
            _ => Wanted::Array(room),
        });
        chain.vjp_by_parts(&self.g.strided().reader(), wanted.collect(), Some(&mut parts), |fill| {
            let starts = (0..len).step_by(size).rev();
            starts.for_each(|start| fill(start, &mut out[start..len.min(start + size)]));
        });
        room[filled] = out;
        room.push(vec![chain.sum_of_parts(&parts)]);
        let sum = reduce::all(Sum, &self.values().pop().expect("a step"));
        let expected: Vec<T> = want.into_iter().flatten().flatten().chain([sum]).collect();
        assert_bits(&room.concat(), &expected);
    }
}

/// What is asked for of an input.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Nothing,
    Array,
    Sums,
}

/// Random numbers for a step: how many arguments, and which.
type Draw = [usize; 1 + ARGS];

/// Steps of which each reads inputs, and steps that nothing has read before. At most [`ARGS`] are left unread, and the
/// last step reads them.
fn steps(draws: &[Draw], inputs: usize) -> Vec<Vec<From>> {
    let (mut steps, mut unread) = (Vec::new(), Vec::new());
    for (i, draw) in draws.iter().enumerate() {
        let due = if i + 1 == draws.len() { unread.len() } else { unread.len() / ARGS };
        let count = due.max(1 + draw[0] % ARGS);
        let mut from: Vec<From> = Vec::new();
        for (k, &draw) in draw[1..=count].iter().enumerate() {
            let (kind, which) = (draw % 3, draw / 3);
            from.push(match kind {
                _ if k < due => From::Step(unread.remove(which % unread.len())),
                0 if !unread.is_empty() => From::Step(unread.remove(which % unread.len())),
                1 if k > 0 => from[which % k],
                _ => From::Input(which % inputs),
            });
        }
        steps.push(from);
        unread.push(i);
    }
    steps
}

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    proptest::collection::vec(proptest::array::uniform5(0..1000usize), 1..=STEPS)
}

fn operands() -> impl Strategy<Value = Vec<Lies>> {
    proptest::collection::vec(lies(), 2..=INPUTS + 1)
}

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    proptest::collection::vec(prop_oneof![Just(Kind::Nothing), Just(Kind::Array), Just(Kind::Sums)], INPUTS)
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![1..70usize, 500..530usize, 4090..4100usize, 16_380..16_390usize, 30_000..70_000usize]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn chains_of_f32(lies in operands(), draws in draws(), kinds in kinds(), len in lengths(), sum: bool) {
        let case = Case::<f32>::new(&[len], &lies, &draws, noise);
        case.check_values();
        case.check_gradients(&kinds, sum);
    }

    #[test]
    fn chains_of_f64(lies in operands(), draws in draws(), kinds in kinds(), len in lengths(), sum: bool) {
        let case = Case::<f64>::new(&[len], &lies, &draws, noise);
        case.check_values();
        case.check_gradients(&kinds, sum);
    }

    #[test]
    fn chains_by_parts(
        lies in operands(),
        draws in draws(),
        len in lengths(),
        size in prop_oneof![Just(512usize), Just(4096), Just(1), 2..20_000usize],
    ) {
        Case::<f32>::new(&[len], &lies, &draws, noise).check_parts(size.max(len / 500));
    }

    #[test]
    fn chains_of_odd_numbers(lies in operands(), draws in draws(), kinds in kinds(), len in lengths(), sum: bool) {
        let case = Case::<f32>::new(&[len], &lies, &draws, special);
        case.check_values();
        case.check_gradients(&kinds, sum);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn chains_over_shared_arrays(lies in operands(), draws in draws(), kinds in kinds(), shape in 0..LARGE.len()) {
        let case = Case::<f32>::new(LARGE[shape], &lies, &draws, noise);
        case.check_values();
        case.check_gradients(&kinds, true);
    }
}
