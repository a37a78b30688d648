//! The equations of [`einsum`](crate::Tensor::einsum): `ij,jk->ik`.

use crate::error::{Error, Result};
use crate::shape::Shape;

const OP: &str = "einsum";

/// What an equation says of operands of known shapes. Its indices are numbered.
#[derive(Debug, PartialEq)]
pub(super) struct Equation {
    /// The index of each axis of each operand.
    pub(super) operands: Vec<Vec<usize>>,
    /// The index of each axis of the result.
    pub(super) output: Vec<usize>,
    /// The size of each index.
    pub(super) sizes: Vec<usize>,
}

/// A letter, or an axis that an ellipsis stands for, counted from the last.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Index {
    Broadcast(usize),
    Letter(char),
}

/// An index, its size, and the operand that it was first met in.
struct Met {
    index: Index,
    size: usize,
    operand: usize,
}

/// The letters on both sides of an ellipsis, if there is one.
struct Term<'e> {
    before: &'e str,
    after: Option<&'e str>,
}

impl Equation {
    pub(super) fn parse(equation: &str, shapes: &[Shape]) -> Result<Equation> {
        let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
        let (inputs, output) = text.split_once("->").map_or((&text[..], None), |(left, right)| (left, Some(right)));
        let terms: Vec<_> = inputs.split(',').map(|term| Term::parse(term, equation)).collect::<Result<_>>()?;
        if terms.len() != shapes.len() {
            let message = format!("equation `{equation}` is for {} operands, got {}", terms.len(), shapes.len());
            return Err(Error::invalid(OP, message));
        }
        let mut met = Vec::new();
        let operands = terms.iter().zip(shapes).enumerate();
        let operands =
            operands.map(|(at, (term, shape))| term.number(at, shape, &mut met)).collect::<Result<Vec<_>>>()?;
        let output = match output {
            Some(term) => explicit(Term::parse(term, equation)?, &met, equation)?,
            None => implicit(&operands, &met),
        };
        Ok(Equation { operands, output, sizes: met.iter().map(|met| met.size).collect() })
    }
}

impl<'e> Term<'e> {
    fn parse(term: &'e str, equation: &str) -> Result<Term<'e>> {
        let (before, after) = term.split_once("...").map_or((term, None), |(before, after)| (before, Some(after)));
        let strange = before.chars().chain(after.unwrap_or("").chars()).find(|c| !c.is_ascii_alphabetic());
        match strange {
            Some(c) => Err(Error::invalid(OP, format!("unexpected `{c}` in equation `{equation}`"))),
            None => Ok(Term { before, after }),
        }
    }

    /// How many axes have letters.
    fn letters(&self) -> usize {
        self.before.len() + self.after.map_or(0, str::len)
    }

    /// The indices in order, where the ellipsis stands for `broadcast` axes.
    fn indices(&self, broadcast: usize) -> impl Iterator<Item = Index> {
        let before = self.before.chars().map(Index::Letter);
        before
            .chain((0..broadcast).rev().map(Index::Broadcast))
            .chain(self.after.unwrap_or("").chars().map(Index::Letter))
    }

    /// The numbers of the indices of an operand's axes; indices and sizes that are new are added to `met`.
    fn number(&self, operand: usize, shape: &Shape, met: &mut Vec<Met>) -> Result<Vec<usize>> {
        let broadcast = shape.rank().checked_sub(self.letters()).filter(|&n| n == 0 || self.after.is_some());
        let Some(broadcast) = broadcast else {
            let (before, after) = (self.before, self.after.map_or(String::new(), |after| format!("...{after}")));
            let message = format!("operand {operand} has shape {shape}, which `{before}{after}` does not fit");
            return Err(Error::invalid(OP, message));
        };
        let indices = self.indices(broadcast).zip(shape.iter());
        indices.map(|(index, &size)| meet(index, size, operand, met)).collect()
    }
}

/// The number of an index, whose size must be the one it was first met with, or broadcast with it for an ellipsis.
fn meet(index: Index, size: usize, operand: usize, met: &mut Vec<Met>) -> Result<usize> {
    let Some(at) = met.iter().position(|met| met.index == index) else {
        met.push(Met { index, size, operand });
        return Ok(met.len() - 1);
    };
    let first = &mut met[at];
    match index {
        _ if first.size == size => {}
        Index::Broadcast(_) if size == 1 => {}
        Index::Broadcast(_) if first.size == 1 => *first = Met { index, size, operand },
        _ => {
            let name = match index {
                Index::Letter(c) => format!("index `{c}`"),
                Index::Broadcast(axis) => format!("axis {} of the ellipsis, from its end,", axis + 1),
            };
            let (before, other) = (first.size, first.operand);
            let message = format!("{name} has size {before} in operand {other} and size {size} in operand {operand}");
            return Err(Error::invalid(OP, message));
        }
    }
    Ok(at)
}

/// The numbers of the indices that the equation names for the result.
fn explicit(term: Term<'_>, met: &[Met], equation: &str) -> Result<Vec<usize>> {
    let broadcast = if term.after.is_some() { broadcast(met) } else { 0 };
    let mut output = Vec::new();
    for index in term.indices(broadcast) {
        let wrong = |what: &str| {
            let Index::Letter(c) = index else { unreachable!("an operand has it, once") };
            Error::invalid(OP, format!("index `{c}` of the result {what} in equation `{equation}`"))
        };
        let at = met.iter().position(|met| met.index == index).ok_or_else(|| wrong("is in no operand"))?;
        if output.contains(&at) {
            return Err(wrong("is there twice"));
        }
        output.push(at);
    }
    Ok(output)
}

/// Where the equation names none: the axes of the ellipsis, and then the letters that occur once, sorted.
fn implicit(operands: &[Vec<usize>], met: &[Met]) -> Vec<usize> {
    let once = |at: &usize| operands.iter().flatten().filter(|other| *other == at).count() == 1;
    let letter = |at: &usize| matches!(met[*at].index, Index::Letter(_));
    let place = |at: usize| match met[at].index {
        Index::Broadcast(axis) => (false, usize::MAX - axis),
        Index::Letter(c) => (true, c as usize),
    };
    // By insertion: there are few, and to sort a list takes a hundred times the code.
    let mut output = Vec::new();
    for at in (0..met.len()).filter(|at| !letter(at) || once(at)) {
        output.insert(output.partition_point(|&other| place(other) <= place(at)), at);
    }
    output
}

/// How many axes the widest ellipsis stands for.
fn broadcast(met: &[Met]) -> usize {
    met.iter().filter(|met| matches!(met.index, Index::Broadcast(_))).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(equation: &str, shapes: &[&[usize]]) -> Equation {
        let shapes: Vec<Shape> = shapes.iter().map(|&shape| Shape::from(shape)).collect();
        Equation::parse(equation, &shapes).expect("a good equation")
    }

    #[test]
    fn indices_are_numbered_as_they_are_met() {
        let product = parse(" ij , jk -> ik ", &[&[2, 3], &[3, 4]]);
        let expected = Equation { operands: vec![vec![0, 1], vec![1, 2]], output: vec![0, 2], sizes: vec![2, 3, 4] };
        assert_eq!(product, expected);
        assert_eq!(parse("ij,jk", &[&[2, 3], &[3, 4]]), expected);
        assert_eq!(parse("ba", &[&[2, 3]]).output, [1, 0]);
        assert_eq!(parse("aB", &[&[2, 3]]).output, [1, 0]);
        assert_eq!(parse("ii", &[&[2, 2]]).output, [0; 0]);
    }

    #[test]
    fn an_ellipsis_is_aligned_at_its_last_axis() {
        let wide = parse("i...,...j", &[&[2, 5], &[7, 1, 3]]);
        let operands = vec![vec![0, 1], vec![2, 1, 3]];
        assert_eq!(wide, Equation { operands, output: vec![2, 1, 0, 3], sizes: vec![2, 5, 7, 3] });
        assert_eq!(parse("...i->i...", &[&[4, 5, 6]]).output, [2, 0, 1]);
        assert_eq!(parse("...->...", &[&[4, 5]]).output, [0, 1]);
        assert_eq!(parse("...i->i", &[&[4, 5]]).output, [1]);
    }
}
