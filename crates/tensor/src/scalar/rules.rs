//! The rules that [`Scalar`] itself is made of, one line each. Those that build on them stand with their methods in
//! [`ops::elementwise`](crate::ops::elementwise).
//!
//! `d [..]` lists the partial derivatives towards each input, in terms of the inputs and the output; they are
//! multiplied with the incoming gradient. `vjp(g) [..]` lists the products themselves, for rules that pass the
//! gradient on by selection: an infinite gradient times 0 would be NaN.

use super::{Elementwise, Scalar};

/// A table of rules: name, listing name, inputs and output, value, and derivative.
macro_rules! table {
    ($($Name:ident $({ $($field:ident: $Type:ty),* })? $name:literal
        [$($x:ident),*] -> $y:ident => $eval:expr, $kind:ident $(($g:ident))? [$($d:expr),*];)*) => {$(
        table!(@type $Name $name $({ $($field: $Type),* })?);

        impl Elementwise<{ [$(stringify!($x)),*].len() }> for $Name {
            const NAME: &'static str = $name;

            #[inline(always)]
            fn eval<A: Scalar>(self, [$($x),*]: [A; { [$(stringify!($x)),*].len() }]) -> A {
                $(let Self { $($field),* } = self;)?
                $eval
            }

            fn attributes(self) -> Option<crate::attribute::Attributes> {
                Some(vec![$($((stringify!($field), self.$field.into())),*)?])
            }

            table!(@$kind $(($g))? [$($x),*] $y [$($d),*] $($($field)*)?);
        }
    )*};
    (@type $Name:ident $name:literal) => {
        #[doc = concat!("The rule `", $name, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name;
    };
    (@type $Name:ident $name:literal { $($field:ident: $Type:ty),* }) => {
        #[doc = concat!("The rule `", $name, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name {
            $(#[doc = concat!("The rule's `", stringify!($field), "`.")] pub $field: $Type),*
        }
    };
    (@d [$($x:ident),*] $y:ident [$($d:expr),*] $($field:ident)*) => {
        #[inline(always)]
        #[allow(unused_variables)]
        fn partials<A: Scalar>(self, [$($x),*]: [A; { [$(stringify!($x)),*].len() }], $y: A)
            -> [A; { [$(stringify!($x)),*].len() }]
        {
            #[allow(clippy::unneeded_field_pattern, irrefutable_let_patterns)]
            let Self { $($field,)* .. } = self;
            [$($d),*]
        }
    };
    (@vjp($g:ident) [$($x:ident),*] $y:ident [$($d:expr),*] $($field:ident)*) => {
        #[inline(always)]
        #[allow(unused_variables)]
        fn vjp<A: Scalar>(self, $g: A, [$($x),*]: [A; { [$(stringify!($x)),*].len() }], $y: A)
            -> [A; { [$(stringify!($x)),*].len() }]
        {
            let Self { $($field,)* .. } = self;
            [$($d),*]
        }
    };
}
pub(crate) use table;

/// 2/√π, the slope of erf at 0.
const ERF_SLOPE: f64 = std::f64::consts::FRAC_2_SQRT_PI;

table! {
    Neg "neg" [x] -> y => -x, vjp(g) [-g];
    Abs "abs" [x] -> y => x.abs(), vjp(g) [by_sign(x, -g, g)];
    Exp "exp" [x] -> y => x.exp(), d [y];
    Expm1 "expm1" [x] -> y => x.exp_m1(), d [y + y.lit(1.0)];
    Ln "ln" [x] -> y => x.ln(), d [x.recip()];
    Log1p "log1p" [x] -> y => x.ln_1p(), d [(x + x.lit(1.0)).recip()];
    Sqrt "sqrt" [x] -> y => x.sqrt(), d [y.lit(0.5) / y];
    Sin "sin" [x] -> y => x.sin(), d [x.cos()];
    Cos "cos" [x] -> y => x.cos(), d [-x.sin()];
    Tan "tan" [x] -> y => x.tan(), d [y * y + y.lit(1.0)];
    Asin "asin" [x] -> y => x.asin(), d [arc_slope(x)];
    Acos "acos" [x] -> y => x.acos(), d [-arc_slope(x)];
    Atan "atan" [x] -> y => x.atan(), d [(x * x + x.lit(1.0)).recip()];
    Sinh "sinh" [x] -> y => x.sinh(), d [x.cosh()];
    Cosh "cosh" [x] -> y => x.cosh(), d [x.sinh()];
    // By roots of what does not overflow.
    Asinh "asinh" [x] -> y => x.asinh(), d [x.hypot(x.lit(1.0)).recip()];
    Acosh "acosh" [x] -> y => x.acosh(), d [((x - x.lit(1.0)).sqrt() * (x + x.lit(1.0)).sqrt()).recip()];
    Atanh "atanh" [x] -> y => x.atanh(), d [((x.lit(1.0) - x) * (x.lit(1.0) + x)).recip()];
    // Towards y it is x/r², towards x it is −y/r², where r² might overflow or vanish. At the origin, where the angle
    // jumps, it is 0.
    Atan2 "atan2" [a, b] -> y => a.atan2(b), vjp(g) [
        { let r = a.hypot(b); or_zero_at(r, g.chain(b / r / r)) }, { let r = a.hypot(b); or_zero_at(r, g.chain(-(a / r / r))) }
    ];
    // At the origin it is 0, the subgradient of least norm.
    Hypot "hypot" [a, b] -> y => a.hypot(b), vjp(g) [or_zero_at(y, g.chain(a / y)), or_zero_at(y, g.chain(b / y))];
    Floor "floor" [x] -> y => x.floor(), vjp(g) [g.lit(0.0)];
    Ceil "ceil" [x] -> y => x.ceil(), vjp(g) [g.lit(0.0)];
    Trunc "trunc" [x] -> y => x.trunc(), vjp(g) [g.lit(0.0)];
    Round "round" [x] -> y => x.round(), vjp(g) [g.lit(0.0)];
    Tanh "tanh" [x] -> y => x.tanh(), d [y.lit(1.0) - y * y];
    Sigmoid "sigmoid" [x] -> y => x.sigmoid(), d [y * (y.lit(1.0) - y)];
    Softplus "softplus" [x] -> y => x.maximum(x.lit(0.0)) + (-x.abs()).exp().ln_1p(), d [x.sigmoid()];
    Erf "erf" [x] -> y => x.erf(), d [x.lit(ERF_SLOPE) * (-(x * x)).exp()];
    Powi { n: i32 } "powi" [x] -> y => x.powi(n),
        d [if n == 0 { x.lit(0.0) } else { x.lit(f64::from(n)) * x.powi(n.saturating_sub(1)) }];
    Add "add" [a, b] -> y => a + b, vjp(g) [g, g];
    Sub "sub" [a, b] -> y => a - b, vjp(g) [g, -g];
    // Not as `d [b, a]`: the compiler would take that pair, which it holds as one integer, for a rotation, and no vectors come of it.
    Mul "mul" [a, b] -> y => a * b, vjp(g) [g.chain(b), g.chain(a)];
    Div "div" [a, b] -> y => a / b, d [b.recip(), -(y / b)];
    Pow "pow" [a, b] -> y => a.pow(b), d [
        or_zero_at(b, b * a.pow(b - b.lit(1.0))),
        A::select(a.eq(a.lit(0.0)), A::select(b.lt(b.lit(0.0)), y * a.ln(), y.lit(0.0)), y * a.ln())
    ];
    Maximum "maximum" [a, b] -> y => A::select(a.lt(b), b, A::select(b.le(a), a, a + b)),
        vjp(g) [A::select(a.lt(b), g.lit(0.0), halve_at_tie(g, a, b)), A::select(b.lt(a), g.lit(0.0), halve_at_tie(g, a, b))];
    Minimum "minimum" [a, b] -> y => A::select(b.lt(a), b, A::select(a.le(b), a, a + b)),
        vjp(g) [A::select(b.lt(a), g.lit(0.0), halve_at_tie(g, a, b)), A::select(a.lt(b), g.lit(0.0), halve_at_tie(g, a, b))];
    // An incoming gradient times a derivative, where a gradient of 0 stays 0.
    Chain "chain" [g, d] -> y => or_zero_at(g, g * d), vjp(h) [h.chain(d), h.chain(g)];
    Less "less" [a, b] -> y => A::select(a.lt(b), a.lit(1.0), a.lit(0.0)), vjp(g) [g.lit(0.0), g.lit(0.0)];
    LessEqual "less_equal" [a, b] -> y => A::select(a.le(b), a.lit(1.0), a.lit(0.0)), vjp(g) [g.lit(0.0), g.lit(0.0)];
    Equal "equal" [a, b] -> y => A::select(a.eq(b), a.lit(1.0), a.lit(0.0)), vjp(g) [g.lit(0.0), g.lit(0.0)];
    // `a` where the mask is not 0, else `b`.
    Select "select" [mask, a, b] -> y => A::select(mask.eq(mask.lit(0.0)), b, a),
        vjp(g) [g.lit(0.0), or_zero_at(mask, g), A::select(mask.eq(mask.lit(0.0)), g, g.lit(0.0))];
}

/// 1/√(1 − x²), infinite at ±1.
#[inline(always)]
fn arc_slope<A: Scalar>(x: A) -> A {
    ((x.lit(1.0) - x) * (x.lit(1.0) + x)).sqrt().recip()
}

/// `negative` for x < 0, `positive` for x > 0 or NaN, and 0 at 0.
#[inline(always)]
pub(crate) fn by_sign<A: Scalar>(x: A, negative: A, positive: A) -> A {
    A::select(x.lt(x.lit(0.0)), negative, or_zero_at(x, positive))
}

/// `value`, but 0 where `x` is 0.
#[inline(always)]
pub(crate) fn or_zero_at<A: Scalar>(x: A, value: A) -> A {
    A::select(x.eq(x.lit(0.0)), value.lit(0.0), value)
}

/// `yes` for x > 0, else `no`.
#[inline(always)]
pub(crate) fn select_positive<A: Scalar>(x: A, yes: A, no: A) -> A {
    A::select(x.lit(0.0).lt(x), yes, no)
}

/// Half of a gradient where its two candidates tie.
#[inline(always)]
pub(crate) fn halve_at_tie<A: Scalar>(g: A, a: A, b: A) -> A {
    A::select(a.eq(b), g.lit(0.5) * g, g)
}
