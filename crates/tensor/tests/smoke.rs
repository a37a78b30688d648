use tensor::*;
#[test]
fn smoke() {
    let tape = Tape::new();
    let x = tape.leaf(Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]));
    let w = tape.leaf(Tensor::from([[1.0f32, 2.0], [3.0, 4.0], [5.0, 6.0]]));
    let b = tape.leaf(Tensor::from([1.0f32, 2.0, 3.0]));
    let y = x.linear(w, Some(b)).sigmoid().sum(..);
    println!("{y:?}");
    let g = y.backward();
    println!("{:?}", g);
    let mut r = rng(0, 0);
    let x = Tensor::<f64>::randn([3, 4], &mut r);
    println!("{x}");
    println!("{:?}", Tensor::<f32>::arange(0.0, 2000.0, 1.0).reshape([20, 100]));
    let rep = gradcheck(|v| v[0].tanh().exp().mul(v[0]), &[x.clone()]).unwrap();
    println!("{rep:?}");
    let rep = gradcheck(|v| v[0].t().softmax(1), &[x.clone()]).unwrap();
    println!("{rep:?}");
    gradcheck(|v| v[0].log_softmax(0), &[x.clone()]).unwrap();
    gradcheck(|v| v[0].prod(..), &[x.clone()]).unwrap();
    gradcheck(|v| v[0].linear(v[1], Some(v[2])).gelu(), &[x.clone(), Tensor::randn([2, 4], &mut r), Tensor::randn([2], &mut r)]).unwrap();
}
