//! Comparisons, which give masks, and what masks do.

use super::Tensor;
use crate::error::{Result, unwrap};
use crate::float::Element;

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident $try_name:ident $op:tt;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// If the shapes do not broadcast.
        #[track_caller]
        pub fn $name(&self, other: &Tensor<T>) -> Tensor<bool> {
            unwrap(self.$try_name(other))
        }

        /// The comparison, returning the error.
        pub fn $try_name(&self, other: &Tensor<T>) -> Result<Tensor<bool>> {
            self.zip(stringify!($name), other, |a, b| a $op b)
        }
    )*};
}

impl<T: Element> Tensor<T> {
    comparisons! {
        /// Where `self < other`, with broadcasting.
        lt try_lt <;
        /// Where `self ≤ other`, with broadcasting.
        le try_le <=;
        /// Where `self > other`, with broadcasting.
        gt try_gt >;
        /// Where `self ≥ other`, with broadcasting.
        ge try_ge >=;
        /// Where `self = other`, with broadcasting.
        equal try_equal ==;
        /// Where `self ≠ other`, with broadcasting.
        not_equal try_not_equal !=;
    }

    /// `f(a, b)` for each pair of elements, with broadcasting.
    fn zip<U: Element>(&self, op: &'static str, other: &Tensor<T>, f: impl Fn(T, T) -> U) -> Result<Tensor<U>> {
        let shape = self.shape().broadcast(other.shape(), op)?;
        let [a, b] = [self, other].map(|x| x.broadcast_to(&shape).contiguous());
        let (a, b) = (a.as_slice().expect("contiguous"), b.as_slice().expect("contiguous"));
        Ok(Tensor::build(shape, |out| {
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = f(a, b);
            }
        }))
    }
}

impl Tensor<bool> {
    /// Where both hold, with broadcasting.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn and(&self, other: &Tensor<bool>) -> Tensor<bool> {
        unwrap(self.zip("and", other, |a, b| a && b))
    }

    /// Where either holds, with broadcasting.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn or(&self, other: &Tensor<bool>) -> Tensor<bool> {
        unwrap(self.zip("or", other, |a, b| a || b))
    }

    /// Where it does not hold.
    pub fn not(&self) -> Tensor<bool> {
        self.map_elements(|a| !a)
    }

    /// Whether any element holds.
    pub fn any(&self) -> bool {
        self.to_vec().contains(&true)
    }

    /// Whether every element holds.
    pub fn all(&self) -> bool {
        !self.to_vec().contains(&false)
    }

    /// How many elements hold.
    pub fn count(&self) -> usize {
        self.to_vec().iter().filter(|&&x| x).count()
    }
}
