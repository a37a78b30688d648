//! Shapes, axes and indices that do not fit.

use tensor::{Param, Tape, Tensor, Triangular, s};

use crate::errors::{panic_of, panics};

/// Checks the message of an operation on tensors of ones, and of the same operation on variables.
macro_rules! fails {
    ($message:expr, [$($x:ident $shape:expr),*] $op:expr) => {{
        {
            $(let $x = Tensor::<f32>::ones($shape);)*
            panics($message, || { let _ = $op; });
        }
        {
            let tape = Tape::new();
            $(let $x = tape.leaf(Tensor::<f32>::ones($shape));)*
            panics($message, || { let _ = $op; });
        }
    }};
}

#[test]
fn broadcasting() {
    fails!("add: shapes [2, 3] and [4] do not broadcast", [a [2, 3], b [4]] a + b);
    fails!("sub: shapes [2, 3] and [4] do not broadcast", [a [2, 3], b [4]] a - b);
    fails!("mul: shapes [2, 3] and [4] do not broadcast", [a [2, 3], b [4]] a * b);
    fails!("div: shapes [2, 3] and [4, 1, 2] do not broadcast", [a [2, 3], b [4, 5, 2]] a / b.narrow(1, 0, 1));
    fails!("pow: shapes [2, 3] and [2] do not broadcast", [a [2, 3], b [2]] a.pow(b));
    fails!("maximum: shapes [2] and [0] do not broadcast", [a [2], b [0]] a.maximum(b));
    fails!("minimum: shapes [2] and [3] do not broadcast", [a [2], b [3]] a.minimum(b));
    let mask = Tensor::full([5], true);
    fails!("select: shapes [5] and [2, 3] do not broadcast", [a [2, 3], b [2, 3]] a.select(&mask, b));
    fails!("broadcast_to: shapes [2, 3] and [2, 4] do not broadcast", [a [2, 3]] a.broadcast_to([2, 4]));
    fails!("broadcast_to: shapes [2, 3] and [3] do not broadcast", [a [2, 3]] a.broadcast_to([3]));
    panics("lt: shapes [2, 3] and [4] do not broadcast", || {
        Tensor::<f32>::ones([2, 3]).lt(&Tensor::ones([4]));
    });
}

#[test]
fn products() {
    fails!("matmul: inner axes differ: [64, 784] · [512, 10]", [a [64, 784], b [512, 10]] a.matmul(b));
    fails!("matmul: inner axes differ: [3] · [4]", [a [3], b [4]] a.matmul(b));
    fails!("matmul: inner axes differ: [2, 3] · [4]", [a [2, 3], b [4]] a.matmul(b));
    fails!("matmul: inner axes differ: [3] · [4, 5]", [a [3], b [4, 5]] a.matmul(b));
    fails!("matmul: inner axes differ: [] · [3]", [a (), b [3]] a.matmul(b));
    fails!("matmul: inner axes differ: [2, 3] · []", [a [2, 3], b ()] a.matmul(b));
    fails!("matmul: inner axes differ: [7, 2, 3] · [4, 5]", [a [7, 2, 3], b [4, 5]] a.matmul(b));
    fails!("matmul: shapes [2, 1, 3] and [4, 3, 1] do not broadcast", [a [2, 1, 3], b [4, 3, 1]] a.matmul(b));
}

#[test]
fn einsum() {
    macro_rules! einsum {
        ($message:expr, $equation:expr, $shapes:expr) => {{
            let shapes: &[&[usize]] = &$shapes;
            let x: Vec<_> = shapes.iter().map(|&shape| Tensor::<f32>::ones(shape)).collect();
            panics($message, || drop(Tensor::einsum($equation, &x)));
            let tape = Tape::new();
            let x: Vec<_> = x.into_iter().map(|x| tape.leaf(x)).collect();
            panics($message, || drop(tensor::Var::einsum($equation, &x).value()));
        }};
    }
    let (a, b): (&[usize], &[usize]) = (&[2, 3], &[4, 5]);
    einsum!("einsum: index `j` has size 3 in operand 0 and size 4 in operand 1", "ij,jk->ik", [a, b]);
    einsum!("einsum: index `i` has size 2 in operand 0 and size 3 in operand 0", "ii->i", [a]);
    einsum!(
        "einsum: axis 2 of the ellipsis, from its end, has size 2 in operand 0 and size 4 in operand 1",
        "...,...",
        [&[2, 1], b]
    );
    einsum!("einsum: index `k` of the result is in no operand in equation `ij -> ik`", "ij -> ik", [a]);
    einsum!("einsum: index `i` of the result is there twice in equation `ij->ii`", "ij->ii", [a]);
    einsum!("einsum: equation `ij,jk->ik` is for 2 operands, got 1", "ij,jk->ik", [a]);
    einsum!("einsum: equation `ij` is for 1 operands, got 2", "ij", [a, b]);
    einsum!("einsum: operand 0 has shape [2, 3], which `ijk` does not fit", "ijk", [a]);
    einsum!("einsum: operand 1 has shape [4, 5], which `i` does not fit", "ij,i", [a, b]);
    einsum!("einsum: operand 0 has shape [2, 3], which `i...jk` does not fit", "i...jk", [a]);
    einsum!("einsum: unexpected `1` in equation `i1->i`", "i1->i", [a]);
    einsum!("einsum: unexpected `.` in equation `i..`", "i..", [a]);
    einsum!("einsum: unexpected `.` in equation `...i...`", "...i...", [a]);
    einsum!("einsum: unexpected `-` in equation `ij->j->k`", "ij->j->k", [a]);
}

#[test]
fn attention() {
    fn fails(message: &str, [q, k, v]: [&[usize]; 3], mask: Option<&Tensor<bool>>) {
        let x = [q, k, v].map(Tensor::<f32>::ones);
        panics(message, || drop(x[0].attention(&x[1], &x[2], mask, true)));
        let tape = Tape::new();
        let x = x.map(|x| tape.leaf(x));
        panics(message, || drop(x[0].attention(x[1], x[2], mask, true).value()));
    }
    let (a, b): (&[usize], &[usize]) = (&[2, 3], &[2, 4]);
    fails("attention: expected queries, keys and values of [.., n, d], got shape [3]", [a, &[3], a], None);
    fails("attention: expected keys as wide as the queries [2, 3], got shape [2, 4]", [a, b, b], None);
    fails("attention: expected a value for each of the keys [2, 3], got shape [4, 3]", [a, a, &[4, 3]], None);
    fails("attention: shapes [2] and [4] do not broadcast", [&[2, 2, 3], &[4, 2, 3], a], None);
    let message = "attention: expected a mask that broadcasts to the scores' shape [2, 2], got shape [5]";
    fails(message, [a, a, b], Some(&Tensor::full([5], true)));
}

#[test]
fn linear_names_the_parameters() {
    let (weight, bias) = (Param::new("weight", Tensor::<f32>::ones([10, 30])), Param::new("bias", Tensor::ones([9])));
    let tape = Tape::new();
    let (w, b) = (tape.param(&weight), tape.param(&bias));
    let [images, hidden] = [[64, 784], [64, 30]].map(|shape| tape.constant(Tensor::ones(shape)));
    panics("linear: inner axes differ: [64, 784] · `weight` [10, 30]ᵀ", || drop(images.linear(w, None).value()));
    panics("linear: expected a bias of shape [10] for the weight `weight` [10, 30] as `bias`, got shape [9]", || {
        hidden.linear(w, Some(b));
    });
    panics("linear: expected a weight of [out, in], got shape [9]", || drop(hidden.linear(b, None).value()));

    let (x, w, b) = (Tensor::<f32>::ones([2, 3]), Tensor::ones([4, 5]), Tensor::ones([4]));
    panics("linear: inner axes differ: [2, 3] · [4, 5]ᵀ", || drop(x.linear(&w, None)));
    panics("linear: inner axes differ: [] · [4, 5]ᵀ", || drop(Tensor::from(1.0f32).linear(&w, None)));
    panics("linear: expected a bias of shape [4] for the weight [4, 5], got shape [1, 4]", || {
        w.t().t().narrow(0, 0, 4).linear(&w, Some(&b.unsqueeze(0)));
    });
}

#[test]
fn norms_name_the_parameters() {
    let (gamma, beta) = (Param::new("gamma", Tensor::<f32>::ones([3])), Param::new("beta", Tensor::ones([2, 3])));
    let tape = Tape::new();
    let (w, b) = (tape.param(&gamma), tape.param(&beta));
    let x = |shape: [usize; 2]| tape.constant(Tensor::ones(shape));
    panics("layer_norm: expected an input whose last axes are `gamma` [3], got shape [3, 4]", || {
        x([3, 4]).layer_norm(Some(w), None, 1e-5);
    });
    panics("layer_norm: expected a bias of the weight's shape `gamma` [3] as `beta`, got shape [2, 3]", || {
        x([2, 3]).layer_norm(Some(w), Some(b), 1e-5);
    });
    panics("rms_norm: expected an input whose last axes are `beta` [2, 3], got shape [3, 3]", || {
        x([3, 3]).rms_norm(Some(b), 1e-5);
    });
    let scalar = Tensor::from(1.0f32);
    panics("layer_norm: axis -1 is out of range for shape [] of rank 0", || drop(scalar.layer_norm(None, None, 0.0)));
}

#[test]
fn labels() {
    let z = Tensor::<f32>::ones([2, 3]);
    panics("cross_entropy: label 3 in row 1 is out of range for 3 classes", || {
        z.softmax_cross_entropy(&Tensor::from([0i64, 3]), 0.0);
    });
    panics("cross_entropy: expected labels of shape [2] for logits of shape [2, 3], got shape [3]", || {
        z.softmax_cross_entropy(&Tensor::from([0i64, 1, 2]), 0.0);
    });
    panics("cross_entropy: label smoothing 2, expected 0 ≤ s ≤ 1", || {
        z.softmax_cross_entropy(&Tensor::from([0i64, 1]), 2.0);
    });
}

#[test]
fn axes() {
    fails!("sum: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.sum(2));
    fails!("mean: axis -3 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.mean(-3));
    fails!("max: axis 0 is out of range for shape [] of rank 0", [a ()] a.max(0));
    fails!("min: axis -1 of shape [2, 3] is named twice", [a [2, 3]] a.min([1, -1]));
    fails!("prod: axis 7 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.prod_keepdim([0, 7]));
    fails!("norm: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.norm(2));
    fails!("var: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.var(2, 1.0));
    fails!("logsumexp: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.logsumexp_keepdim(2));
    fails!("max: expected axis 1 not empty, got shape [2, 0]", [a [2, 0]] a.max(..));
    fails!("argmax: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.argmax(2));
    fails!("softmax: axis 0 is out of range for shape [] of rank 0", [a ()] a.softmax(0));
    fails!("log_softmax: axis -3 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.log_softmax(-3));
}

#[test]
fn views() {
    fails!("reshape: expected 7 elements for shape [7], got shape [2, 3]", [a [2, 3]] a.reshape([7]));
    fails!("permute: axes [0, 0] are not a permutation of the 2 axes of shape [2, 3]", [a [2, 3]] a.permute(&[0, 0]));
    fails!("permute: axes [1] are not a permutation of the 2 axes of shape [2, 3]", [a [2, 3]] a.permute(&[1]));
    fails!("permute: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.permute(&[2, 0]));
    fails!("transpose: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.transpose(0, 2));
    fails!("transpose: axis -2 is out of range for shape [3] of rank 1", [a [3]] a.t());
    fails!("squeeze: expected axis 0 of size 1, got shape [2, 3]", [a [2, 3]] a.squeeze(0));
    fails!("unsqueeze: axis 3 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.unsqueeze(3));
    fails!("narrow: 3 elements from 1 exceed axis 1 of shape [2, 3]", [a [2, 3]] a.narrow(-1, 1, 3));
    fails!("slice: index 5 is out of range for axis 1 of shape [2, 3]", [a [2, 3]] a.slice(s![.., 5]));
    fails!("slice: index -3 is out of range for axis 0 of shape [2, 3]", [a [2, 3]] a.slice(s![-3]));
    fails!("slice: range 1..9 is out of range for axis 0 of shape [2, 3]", [a [2, 3]] a.slice(s![1..9]));
    fails!("slice: range 2..1 is out of range for axis 1 of shape [2, 3]", [a [2, 3]] a.slice(s![.., 2..1]));
    fails!("slice: step 0 never ends; expected at least 1 for axis 0 of shape [2]", [a [2]] a.slice(s![..; 0]));
    fails!("slice: expected at least 3 axes, got shape [2, 3]", [a [2, 3]] a.slice(s![0, 0, 0]));
    fails!("item: expected a single element, got shape [2, 3]", [a [2, 3]] a.item());
}

#[test]
fn arrangements() {
    fails!("cumsum: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.cumsum(2));
    fails!("flip: axis -3 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.flip(-3));
    fails!("flip: axis -1 of shape [2, 3] is named twice", [a [2, 3]] a.flip([1, -1]));
    fails!(
        "pad: expected 2 pairs of widths, one for each axis of shape [2, 3], got 1",
        [a [2, 3]] a.pad(&[(1, 1)], 0.0)
    );
    fails!(
        "pad: shape [2] with widths [(18446744073709551615, 0)] has too many elements",
        [a [2]] a.pad(&[(usize::MAX, 0)], 0.0)
    );
    fails!("tile: shape [2, 3] 18446744073709551615 times has too many elements", [a [2, 3]] a.tile(&[usize::MAX]));
    fails!("repeat: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.repeat(2, 1));
    fails!("repeat: shape [2, 9223372036854775807] has too many elements", [a [2, 1]] a.repeat(1, usize::MAX / 2));
    fails!("diagonal: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.diagonal(0, 2));
    fails!("diagonal: axis -2 of shape [2, 3] is named twice", [a [2, 3]] a.diagonal(0, -2));
    fails!("tril: expected matrices, got shape [3]", [a [3]] a.tril(0));
    fails!("triu: expected matrices, got shape []", [a ()] a.triu(0));
    fails!("sort: axis 0 is out of range for shape [] of rank 0", [a ()] a.sort(0, false));
    fails!("argsort: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.argsort(2, false));
    fails!("topk: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.topk(1, 2, true));
    fails!("topk: expected at least 4 elements along axis 1, got shape [2, 3]", [a [2, 3]] a.topk(4, -1, true));
}

#[test]
fn joins() {
    macro_rules! joined {
        ($message:expr, $join:ident, $shapes:expr, $axis:expr) => {{
            let x = $shapes.map(|shape: &[usize]| Tensor::<f32>::ones(shape));
            panics($message, || drop(Tensor::$join(&x, $axis)));
            let tape = Tape::new();
            let x = x.map(|x| tape.leaf(x));
            panics($message, || drop(tensor::Var::$join(&x, $axis).value()));
        }};
    }
    let [a, b, c]: [&[usize]; 3] = [&[2, 3], &[2, 4], &[3]];
    joined!("concat: expected shape [2, 3] but for axis 0, got shape [2, 4]", concat, [a, b], 0);
    joined!("concat: expected shape [2, 3] but for axis 0, got shape [3]", concat, [a, c], 0);
    joined!("concat: axis 2 is out of range for shape [2, 3] of rank 2", concat, [a, b], 2);
    joined!("stack: expected shape [2, 3], got shape [2, 4]", stack, [a, b], 0);
    joined!("stack: axis 3 is out of range for shape [2, 3] of rank 2", stack, [a, a], 3);
    fails!("split: sizes [1, 1] add up to 2, expected 3", [a [2, 3]] a.split(&[1, 1], 1));
    fails!("split: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.split(&[1, 1], 2));
    let none: [Tensor; 0] = [];
    panics("concat: expected at least one array, got none", || drop(Tensor::concat(&none, 0)));
    panics("stack: expected at least one array, got none", || drop(Tensor::stack(&none, 0)));
}

#[test]
fn indices() {
    let vector = |index: [i64; 2]| Tensor::from(index);
    let index = vector([0, 2]);
    fails!("index_select: index 2 at position 1 is out of range for axis 0 of length 2", [a [2, 3]] a.index_select(0, &index));
    let index = vector([-1, 0]);
    fails!("index_select: index -1 at position 0 is out of range for axis 1 of length 3", [a [2, 3]] a.index_select(1, &index));
    fails!("embedding: index -1 at position 0 is out of range for axis 0 of length 2", [a [2, 3]] a.embedding(&index));
    fails!("embedding: expected a table of shape [n, ..], got shape []", [a ()] a.embedding(&index));
    let index = Tensor::<i64>::zeros([2, 1]);
    fails!("index_select: expected an index of rank 1, got shape [2, 1]", [a [2, 3]] a.index_select(0, &index));
    fails!("index_select: axis 2 is out of range for shape [2, 3] of rank 2", [a [2, 3]] a.index_select(2, &index));
    let index = Tensor::from([[0i64], [3]]);
    fails!("gather: index 3 at position 1 is out of range for axis 1 of length 3", [a [2, 3]] a.gather(1, &index));
    let index = Tensor::<i64>::zeros([3, 1]);
    fails!("gather: expected an index that fits in shape [2, 3] but for axis 1, got shape [3, 1]", [a [2, 3]] a.gather(1, &index));
    let index = vector([0, 0]);
    fails!("gather: expected an index that fits in shape [2, 3] but for axis 0, got shape [2]", [a [2, 3]] a.gather(0, &index));
    let index = Tensor::from([[0i64, 2]]);
    fails!(
        "scatter_add: index 2 at position 1 is out of range for axis 0 of length 2",
        [a [2, 3], b [1, 2]] a.scatter_add(0, &index, b)
    );
    fails!(
        "scatter_add: expected a source of the index's shape [1, 2], got shape [2, 2]",
        [a [3, 3], b [2, 2]] a.scatter_add(0, &index, b)
    );
}

#[test]
fn constructors_return_their_errors() {
    let message = |result: tensor::Result<Tensor>| result.expect_err("too few").to_string();
    assert_eq!(message(Tensor::new(vec![1.0], [2, 3])), "new: shape [2, 3] holds 6 elements, got 1");
    assert_eq!(message(Tensor::from_slice(&[1.0], [0])), "from_slice: shape [0] holds 0 elements, got 1");
    let huge = [usize::MAX, 2];
    assert_eq!(message(Tensor::new(vec![], huge)), format!("new: shape {huge:?} has too many elements"));
    panics("index [2, 0] is out of range for shape [2, 3]", || {
        let _ = Tensor::<f32>::ones([2, 3])[[2, 0]];
    });
}

#[test]
fn panics_point_at_the_very_line() {
    let (a, b) = (Tensor::<f32>::ones([2]), Tensor::ones([3]));
    let line = line!();
    let operator = panic_of(|| drop(&a + &b));
    let method = panic_of(|| drop(a.matmul(&b)));
    assert_eq!((operator.line, method.line), (line + 1, line + 2));
    assert_eq!((operator.file.as_str(), method.file.as_str()), (file!(), file!()));
}

#[test]
fn batch_norm() {
    fails!("batch_norm: expected an input of [batch, channels, …], got shape [3]", [a [3]] a.batch_norm(None, None, 0.0));
    let tape = Tape::new();
    let gamma = Param::new("gamma", Tensor::<f32>::ones([3]));
    let x = tape.constant(Tensor::ones([2, 4]));
    panics("batch_norm: expected an input with as many channels as the weight `gamma` [3], got shape [2, 4]", || {
        x.batch_norm(Some(tape.param(&gamma)), None, 0.0);
    });
    let (_, moments) = Tensor::<f32>::ones([2, 3]).batch_norm(None, None, 0.0);
    panics("batch_norm: expected an input with as many channels as the mean [3], got shape [2, 4]", || {
        x.batch_norm_by(&moments, None, None, 0.0);
    });
}

#[test]
fn linear_algebra() {
    let square = "expected square matrices over the last two axes";
    fails!(&format!("cholesky: {square}, got shape [2, 3]"), [a [2, 3]] a.cholesky());
    fails!(&format!("inverse: {square}, got shape [3]"), [a [3]] a.inverse());
    fails!(&format!("det: {square}, got shape [4, 2, 3]"), [a [4, 2, 3]] a.det());
    fails!(&format!("slogdet: {square}, got shape [2, 3]"), [a [2, 3]] a.slogdet());
    fails!(&format!("logdet: {square}, got shape [2, 3]"), [a [2, 3]] a.logdet());
    fails!(&format!("solve: {square}, got shape [2, 3]"), [a [2, 3], b [2, 1]] a.solve(b));
    fails!("solve: expected a right side of 2 rows for matrices of shape [2, 2], got shape [3, 1]", [a [2, 2], b [3, 1]] {
        a.solve(b)
    });
    fails!("solve: shapes [2, 1, 1] and [3, 1, 1] do not broadcast", [a [2, 1, 1], b [3, 1, 1]] a.solve(b));
    fails!("solve_triangular: expected a right side of 2 rows for matrices of shape [2, 2], got shape [3, 1]", [a [2, 2], b [3]] {
        a.solve_triangular(b, Triangular::upper())
    });
    fails!("cholesky: the matrix of shape [2, 2] is not positive definite at pivot 1", [a [2, 2]] a.cholesky());
    fails!("inverse: matrix 0 of the batch of shape [3, 2, 2] is singular at pivot 1", [a [3, 2, 2]] a.inverse());
    fails!("solve: the matrix of shape [2, 2] is singular at pivot 1", [a [2, 2], b [2, 1]] a.solve(b));
}
