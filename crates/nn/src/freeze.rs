//! Parameters that stay as they are.

use tensor::{Float, Module, Path};

/// Freezes the parameters at or below a path, all of them for `""`: they are constants on a tape, and optimizers pass
/// them over. Running statistics still change on a training tape.
///
/// # Panics
/// If no parameter is there.
///
/// ```
/// use nn::{Linear, Sequential, freeze, summary, unfreeze};
/// use tensor::rng;
/// let mut rng = rng(0, 0);
/// let mut model = Sequential::<f32>::new().add(Linear::new(4, 8, &mut rng)).add(Linear::new(8, 2, &mut rng));
/// freeze(&mut model, "0");
/// assert_eq!((summary(&model).count(), summary(&model).trainable()), (58, 18));
/// unfreeze(&mut model, "");
/// assert_eq!(summary(&model).trainable(), 58);
/// ```
#[track_caller]
pub fn freeze<T: Float>(model: &mut (impl Module<T> + ?Sized), path: &str) {
    set_frozen(model, path, true);
}

/// Undoes [`freeze`].
///
/// # Panics
/// If no parameter is there.
#[track_caller]
pub fn unfreeze<T: Float>(model: &mut (impl Module<T> + ?Sized), path: &str) {
    set_frozen(model, path, false);
}

#[track_caller]
fn set_frozen<T: Float>(model: &mut (impl Module<T> + ?Sized), path: &str, frozen: bool) {
    let mut found = false;
    model.visit_mut(Path::Root, &mut |at, param| {
        if at.starts_with(path) {
            param.set_frozen(frozen);
            found = true;
        }
    });
    assert!(found, "the model has no parameter at or below `{path}`");
}
