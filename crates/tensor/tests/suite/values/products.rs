//! Sums of products over named indices, and attention, against sums over all indices.

use tensor::{Float, Tensor};

use super::naive::{Naive, indices, same};
use super::{layouts, random};

/// The sum over every value of every letter of an equation that has letters and an arrow only. A size of 1 is broadcast.
fn naive(equation: &str, x: &[Naive]) -> Naive {
    let (inputs, output) = equation.split_once("->").expect("an arrow");
    let terms: Vec<Vec<char>> = inputs.split(',').map(|term| term.chars().collect()).collect();
    let mut letters: Vec<char> = terms.concat();
    letters.sort_unstable();
    letters.dedup();
    let size = |letter: char| {
        let sizes = terms.iter().zip(x).flat_map(|(term, x)| term.iter().zip(&x.shape)).filter(|(c, _)| **c == letter);
        sizes.map(|(_, &size)| size).find(|&size| size != 1).unwrap_or(1)
    };
    let summed: Vec<char> = letters.into_iter().filter(|c| !output.contains(*c)).collect();
    let all = indices(&summed.iter().map(|&c| size(c)).collect::<Vec<_>>());
    let shape: Vec<usize> = output.chars().map(size).collect();
    Naive::from_fn(&shape, |at| {
        let product = |inner: &Vec<usize>| -> f64 {
            let value = |c: char| match output.chars().position(|o| o == c) {
                Some(i) => at[i],
                None => inner[summed.iter().position(|&s| s == c).expect("a letter")],
            };
            let index = |term: &[char]| -> Vec<usize> { term.iter().map(|&c| value(c)).collect() };
            terms.iter().zip(x).map(|(term, x)| x.stretched(&index(term))).product()
        };
        all.iter().map(product).sum()
    })
}

/// An equation, the same with letters only, and shapes.
type Row = (&'static str, &'static str, &'static [&'static [usize]]);

const EQUATIONS: &[Row] = &[
    ("ij,jk->ik", "ij,jk->ik", &[&[2, 3], &[3, 4]]),
    (" i j , j k ", "ij,jk->ik", &[&[2, 3], &[3, 4]]),
    ("jk,ij", "jk,ij->ik", &[&[3, 4], &[2, 3]]),
    ("bij,bkj->bik", "bij,bkj->bik", &[&[2, 3, 4], &[2, 5, 4]]),
    ("bij,kjb->kib", "bij,kjb->kib", &[&[2, 3, 4], &[5, 4, 2]]),
    ("ba", "ba->ab", &[&[2, 3]]),
    ("aB", "aB->Ba", &[&[2, 3]]),
    ("ii->i", "ii->i", &[&[4, 4]]),
    ("ii", "ii->", &[&[4, 4]]),
    ("iijj->ji", "iijj->ji", &[&[2, 2, 3, 3]]),
    ("iji,ik->kj", "iji,ik->kj", &[&[2, 3, 2], &[2, 4]]),
    ("ijk->j", "ijk->j", &[&[2, 3, 4]]),
    ("ij,k->", "ij,k->", &[&[2, 3], &[4]]),
    ("i,j,k->kji", "i,j,k->kji", &[&[2], &[3], &[4]]),
    ("i,i,i->i", "i,i,i->i", &[&[3], &[3], &[3]]),
    ("ij,ij,ij", "ij,ij,ij->", &[&[2, 3], &[2, 3], &[2, 3]]),
    ("ea,fb,abcd,gc,hd->efgh", "ea,fb,abcd,gc,hd->efgh", &[&[2, 3], &[3, 2], &[3, 2, 2, 3], &[2, 2], &[2, 3]]),
    ("ab,bc,cd,de,ef,fg->ag", "ab,bc,cd,de,ef,fg->ag", &[&[2, 3], &[3, 2], &[2, 3], &[3, 2], &[2, 3], &[3, 2]]),
    ("...ij,...jk->...ik", "xyij,yjk->xyik", &[&[2, 1, 2, 3], &[4, 3, 2]]),
    ("...", "xy->xy", &[&[2, 3]]),
    ("i...,...i", "ixy,yi->xy", &[&[2, 3, 4], &[4, 2]]),
    ("i...j,j->i", "ixyj,j->i", &[&[2, 3, 2, 4], &[4]]),
    ("...a,a...->...", "xya,ay->xy", &[&[2, 3, 4], &[4, 1]]),
    ("...i,...->i", "xi,x->i", &[&[1, 2], &[3]]),
    (",ij,->ji", ",ij,->ji", &[&[], &[2, 3], &[]]),
    ("->", "->", &[&[]]),
    ("ij,jk->ik", "ij,jk->ik", &[&[2, 0], &[0, 4]]),
    ("ij->j", "ij->j", &[&[0, 3]]),
    ("bi,bi->b", "bi,bi->b", &[&[0, 3], &[0, 3]]),
];

#[test]
fn einsum() {
    einsum_at::<f32>();
    einsum_at::<f64>();
}

fn einsum_at<T: Float>() {
    for &(equation, plain, shapes) in EQUATIONS {
        let x: Vec<_> = shapes.iter().map(|shape| random::<T>(shape, -1.0, 1.0)).collect();
        let expected = naive(plain, &x.iter().map(Naive::of).collect::<Vec<_>>());
        for layout in 0..3 {
            let x: Vec<_> = x.iter().map(|x| layouts(x)[layout].clone()).collect();
            same(equation, &Tensor::einsum(equation, &x), &expected, 64.0);
        }
    }
}

/// A chain whose product from the right takes a thousandth of the work of the one from the left, and of the memory.
#[test]
fn einsum_contracts_in_a_good_order() {
    let (wide, column) = (Tensor::<f64>::ones([3000, 2]), Tensor::ones([3000]));
    let y = Tensor::einsum("ia,ja,ka,la,l->i", &[&wide, &wide, &wide, &wide, &column]);
    assert_eq!(y, Tensor::full([3000], 2.0 * 3000f64.powi(3)));
    let many = [&wide, &wide, &wide, &wide, &wide, &wide];
    assert_eq!(Tensor::einsum("ia,ib,jb,jc,kc,kd->ad", &many), Tensor::full([2, 2], 4.0 * 2.7e10));
}

#[test]
fn attention() {
    attention_at::<f32>();
    attention_at::<f64>();
}

fn attention_at<T: Float>() {
    let (q, k, v) = (random::<T>(&[2, 1, 3, 4], -2.0, 2.0), random(&[5, 5, 4], -2.0, 2.0), random(&[5, 2], -2.0, 2.0));
    let [q_, k_, v_] = [&q, &k, &v].map(Naive::of);
    let mask = Tensor::from_fn([3, 5], |at| at[0] != 1 && (at[0] + 2 * at[1]) % 3 != 0);
    for (mask, causal) in [(None, false), (None, true), (Some(&mask), false), (Some(&mask), true)] {
        let open = |i: usize, j: usize| mask.is_none_or(|mask| mask[[i, j]]) && (!causal || j <= i);
        let expected = Naive::from_fn(&[2, 5, 3, 2], |at| {
            let score =
                |j: usize| (0..4).map(|d| q_.at(&[at[0], 0, at[2], d]) * k_.at(&[at[1], j, d])).sum::<f64>() / 2.0;
            let weight = |j: usize| if open(at[2], j) { score(j).exp() } else { 0.0 };
            let total: f64 = (0..5).map(weight).sum();
            let sum: f64 = (0..5).map(|j| weight(j) * v_.at(&[j, at[3]])).sum();
            if total == 0.0 { 0.0 } else { sum / total }
        });
        for layout in 0..3 {
            let [q, k, v] = [&q, &k, &v].map(|x| layouts(x)[layout].clone());
            same("attention", &q.attention(&k, &v, mask, causal), &expected, 64.0);
        }
    }
}

#[test]
fn attention_to_nothing_is_zero_and_so_is_its_gradient() {
    let mask = Tensor::from([[false, false], [true, false]]);
    let tape = tensor::Tape::new();
    let q = tape.leaf(Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
    // A key that nobody may look at has no influence, even if its score overflows.
    let k = tape.leaf(Tensor::from([[0.5, -0.5], [1e308, 1e308]]));
    let v = tape.leaf(Tensor::from([[5.0], [6.0]]));
    let y = q.attention(k, v, Some(&mask), false);
    assert_eq!(y.value(), Tensor::from([[0.0], [5.0]]));
    let grads = y.sum(..).backward_retain();
    assert_eq!(grads.wrt(q), &Tensor::zeros([2, 2]));
    assert_eq!(grads.wrt(k), &Tensor::zeros([2, 2]));
    assert_eq!(grads.wrt(v), &Tensor::from([[1.0], [0.0]]));
    assert_eq!(tape.grad(y.sum(..), &[k])[0].value(), Tensor::zeros([2, 2]));
    let open = Tensor::from(true);
    assert_eq!(v.attention(v, v, Some(&open), false).value(), v.attention(v, v, None, false).value());
}
