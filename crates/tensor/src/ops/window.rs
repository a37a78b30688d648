//! How windows move: the options of convolutions and of pooling.

/// A number for each of the N axes that a window moves along: one for all, or an array of them.
///
/// ```
/// use tensor::PerAxis;
/// assert_eq!(PerAxis::<2>::from(3), PerAxis::from([3, 3]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerAxis<const N: usize>(pub [usize; N]);

impl<const N: usize> From<usize> for PerAxis<N> {
    fn from(size: usize) -> Self {
        PerAxis([size; N])
    }
}

impl<const N: usize> From<[usize; N]> for PerAxis<N> {
    fn from(sizes: [usize; N]) -> Self {
        PerAxis(sizes)
    }
}

impl<const N: usize> PerAxis<N> {
    /// The same for two axes, of which a missing first one gets `first`.
    pub(super) fn two(self, first: usize) -> [usize; 2] {
        let at = |axis: usize| (axis + N).checked_sub(2).map_or(first, |axis| self.0[axis]);
        [at(0), at(1)]
    }
}

/// How the kernel of a convolution along N axes moves. By default it moves by 1, over no padding, with its places next
/// to each other, and sees all channels.
///
/// ```
/// use tensor::{ConvOptions, Tensor};
/// let (x, w) = (Tensor::<f32>::ones([1, 3, 8, 8]), Tensor::ones([4, 3, 3, 3]));
/// let y = x.conv2d(&w, None, ConvOptions::new().stride(2).padding([1, 0]));
/// assert_eq!(y.shape().to_string(), "[1, 4, 4, 3]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvOptions<const N: usize> {
    /// How far the kernel moves at a time.
    pub stride: [usize; N],
    /// How many zeros are put at both ends of an axis.
    pub padding: [usize; N],
    /// How far apart the places of the kernel are.
    pub dilation: [usize; N],
    /// Into how many groups the channels fall, each seen only by its share of the kernels.
    pub groups: usize,
}

impl<const N: usize> Default for ConvOptions<N> {
    fn default() -> Self {
        ConvOptions { stride: [1; N], padding: [0; N], dilation: [1; N], groups: 1 }
    }
}

impl<const N: usize> ConvOptions<N> {
    /// The default.
    pub fn new() -> Self {
        ConvOptions::default()
    }

    /// With this stride.
    pub fn stride(self, stride: impl Into<PerAxis<N>>) -> Self {
        ConvOptions { stride: stride.into().0, ..self }
    }

    /// With so many zeros at both ends of an axis.
    pub fn padding(self, padding: impl Into<PerAxis<N>>) -> Self {
        ConvOptions { padding: padding.into().0, ..self }
    }

    /// With the places of the kernel so far apart.
    pub fn dilation(self, dilation: impl Into<PerAxis<N>>) -> Self {
        ConvOptions { dilation: dilation.into().0, ..self }
    }

    /// With so many groups of channels.
    pub fn groups(self, groups: usize) -> Self {
        ConvOptions { groups, ..self }
    }
}

/// How the window of a pooling along N axes moves. By default windows lie next to each other, without padding.
///
/// ```
/// use tensor::{PoolOptions, Tensor};
/// let x = Tensor::from([[[1.0f32, 5.0, 2.0, 4.0]]]);
/// assert_eq!(x.max_pool1d(PoolOptions::new(2)), Tensor::from([[[5.0, 4.0]]]));
/// assert_eq!(x.avg_pool1d(PoolOptions::new(2).stride(1)), Tensor::from([[[3.0, 3.5, 3.0]]]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions<const N: usize> {
    /// The size of the window.
    pub kernel: [usize; N],
    /// How far the window moves at a time.
    pub stride: [usize; N],
    /// How much is put at both ends of an axis: −∞ for the largest, 0 for the mean. At most half of the window.
    pub padding: [usize; N],
    /// Whether a mean counts the padding.
    pub counts_padding: bool,
    /// Whether there is a last window for what is left at the end of an axis, of which it sees only the part that is there.
    pub ceil_mode: bool,
}

impl<const N: usize> PoolOptions<N> {
    /// A window that moves by its own size.
    pub fn new(kernel: impl Into<PerAxis<N>>) -> Self {
        let PerAxis(kernel) = kernel.into();
        PoolOptions { kernel, stride: kernel, padding: [0; N], counts_padding: true, ceil_mode: false }
    }

    /// With this stride.
    pub fn stride(self, stride: impl Into<PerAxis<N>>) -> Self {
        PoolOptions { stride: stride.into().0, ..self }
    }

    /// With so much padding at both ends of an axis.
    pub fn padding(self, padding: impl Into<PerAxis<N>>) -> Self {
        PoolOptions { padding: padding.into().0, ..self }
    }

    /// With or without the padding counted in a mean.
    pub fn counts_padding(self, counts_padding: bool) -> Self {
        PoolOptions { counts_padding, ..self }
    }

    /// With or without a last window for what is left at the end of an axis: the number of windows is rounded up instead
    /// of down. What such a window sees beyond the padding does not count in a mean, and there is none that would see
    /// nothing but padding.
    ///
    /// ```
    /// use tensor::{PoolOptions, Tensor};
    /// let x = Tensor::from([[[1.0f32, 5.0, 2.0, 4.0, 7.0]]]);
    /// assert_eq!(x.avg_pool1d(PoolOptions::new(2)), Tensor::from([[[3.0, 3.0]]]));
    /// assert_eq!(x.avg_pool1d(PoolOptions::new(2).ceil_mode(true)), Tensor::from([[[3.0, 3.0, 7.0]]]));
    /// ```
    pub fn ceil_mode(self, ceil_mode: bool) -> Self {
        PoolOptions { ceil_mode, ..self }
    }
}
