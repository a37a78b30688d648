//! Gradients on their way through a backward pass.

use std::ops::Range;

use super::gradient::Factored;
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A gradient on its way. That of a single number is kept as one, which costs neither a buffer nor a layout.
pub(super) enum Adjoint<T: Float> {
    Number(T),
    Array(Tensor<T>),
}

impl<T: Float> Adjoint<T> {
    #[inline]
    pub(super) fn new(grad: Tensor<T>) -> Adjoint<T> {
        if grad.numel() == 1 { Adjoint::Number(grad.item()) } else { Adjoint::Array(grad) }
    }

    /// The gradient as a tensor, for a node of `shape`.
    #[inline]
    pub(super) fn tensor(self, shape: &Shape) -> Tensor<T> {
        match self {
            Adjoint::Number(grad) => Tensor::full(shape, grad),
            Adjoint::Array(grad) => grad,
        }
    }
}

/// The gradients that have been sent to nodes and not been passed on. Few arrays are alive at a time, however long the
/// tape.
pub(super) struct Pending<T: Float> {
    /// For each node [`NOTHING`], [`NUMBER`], [`PRODUCT`], or the place of its array.
    places: Vec<u32>,
    numbers: Vec<T>,
    arrays: Vec<Option<Tensor<T>>>,
    free: Vec<u32>,
    /// Products that are not worked out yet, with their nodes.
    products: Vec<(usize, Factored<T>)>,
    /// Whether products may be put in place.
    pub(super) keeps_factors: bool,
}

const NOTHING: u32 = u32::MAX;
const NUMBER: u32 = u32::MAX - 1;
const PRODUCT: u32 = u32::MAX - 2;

impl<T: Float> Default for Pending<T> {
    fn default() -> Self {
        Pending {
            places: Vec::new(),
            numbers: Vec::new(),
            arrays: Vec::new(),
            free: Vec::new(),
            products: Vec::new(),
            keeps_factors: false,
        }
    }
}

impl<T: Float> Pending<T> {
    /// Nothing pending, for a number of nodes.
    pub(super) fn new(nodes: usize) -> Pending<T> {
        let mut pending = Pending::default();
        pending.restart(nodes);
        pending
    }

    /// As if new, with the same storage.
    pub(super) fn restart(&mut self, nodes: usize) {
        self.places.clear();
        self.places.resize(nodes, NOTHING);
        self.numbers.resize(nodes, T::ZERO);
        self.arrays.clear();
        self.free.clear();
        self.products.clear();
    }

    #[inline]
    pub(super) fn take(&mut self, id: usize) -> Option<Adjoint<T>> {
        match std::mem::replace(&mut self.places[id], NOTHING) {
            NOTHING => None,
            NUMBER => Some(Adjoint::Number(self.numbers[id])),
            PRODUCT => self.remove_product(id).map(|mut product| Adjoint::Array(product.take_product())),
            place => {
                self.free.push(place);
                self.arrays[place as usize].take().map(Adjoint::Array)
            }
        }
    }

    /// Whether something is pending for a node of a range.
    pub(super) fn any(&self, range: Range<usize>) -> bool {
        range.rev().any(|id| self.has(id))
    }

    /// A copy of what is pending for a node of this shape.
    pub(super) fn look(&self, id: usize, shape: &Shape) -> Option<Tensor<T>> {
        match self.places[id] {
            NOTHING => None,
            NUMBER => Some(Tensor::full(shape, self.numbers[id])),
            PRODUCT => self.products.iter().find(|(node, _)| *node == id).map(|(_, kept)| kept.product().clone()),
            place => self.arrays[place as usize].clone(),
        }
    }

    pub(super) fn has(&self, id: usize) -> bool {
        self.places[id] != NOTHING
    }

    #[inline]
    pub(super) fn add_number(&mut self, id: usize, grad: T) {
        if self.places[id] == NUMBER {
            self.numbers[id] += grad;
        } else {
            (self.places[id], self.numbers[id]) = (NUMBER, grad);
        }
    }

    /// Takes out what is pending for a node where that is a product that is not worked out yet.
    #[inline]
    pub(super) fn take_factored(&mut self, id: usize) -> Option<Factored<T>> {
        if self.places[id] != PRODUCT {
            return None;
        }
        self.places[id] = NOTHING;
        self.remove_product(id)
    }

    fn remove_product(&mut self, id: usize) -> Option<Factored<T>> {
        let at = self.products.iter().position(|(node, _)| *node == id)?;
        Some(self.products.swap_remove(at).1)
    }

    /// Puts a product in place for a node for which nothing is pending.
    pub(super) fn put_product(&mut self, id: usize, factored: Factored<T>) {
        debug_assert!(!self.has(id));
        self.places[id] = PRODUCT;
        self.products.push((id, factored));
    }

    fn add_array(&mut self, id: usize, grad: Tensor<T>) {
        if self.places[id] == PRODUCT {
            let product = self.take(id).map(|product| product.tensor(grad.shape()));
            product.into_iter().for_each(|product| self.add_array(id, product));
        }
        if self.places[id] != NOTHING {
            let sum = self.arrays[self.places[id] as usize].as_mut().expect("a place that is not free is taken");
            return sum.accumulate(&grad);
        }
        let place = self.free.pop().unwrap_or(self.arrays.len() as u32);
        match self.arrays.get_mut(place as usize) {
            Some(empty) => *empty = Some(grad),
            None => self.arrays.push(Some(grad)),
        }
        self.places[id] = place;
    }

    /// Adds a gradient of the node's shape.
    pub(super) fn add(&mut self, id: usize, grad: Tensor<T>) {
        if grad.numel() == 1 { self.add_number(id, grad.item()) } else { self.add_array(id, grad) }
    }
}
