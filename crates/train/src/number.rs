//! Numbers in JSON, which has no NaN and no infinities: these are written as texts.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number as it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Finite(f64),
    Other(String),
}

impl From<f64> for Written {
    fn from(x: f64) -> Written {
        if x.is_finite() { Written::Finite(x) } else { Written::Other(x.to_string()) }
    }
}

impl Written {
    fn number<E: Error>(self) -> Result<f64, E> {
        match self {
            Written::Finite(x) => Ok(x),
            Written::Other(text) => text.parse().map_err(|_| E::custom(format!("found {text:?}, expected a number"))),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
    Written::from(*x).serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Written::deserialize(from)?.number()
}

/// Maps of numbers.
pub(crate) mod map {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(map: &BTreeMap<String, f64>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(map.iter().map(|(name, &x)| (name, Written::from(x))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
        let written: BTreeMap<String, Written> = Deserialize::deserialize(from)?;
        written.into_iter().map(|(name, x)| Ok((name, x.number()?))).collect()
    }
}

/// Arrays of numbers.
pub(crate) mod array {
    use super::*;

    pub(crate) fn serialize<S: Serializer, const N: usize>(array: &[f64; N], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(array.iter().map(|&x| Written::from(x)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[f64; N], D::Error> {
        let written: Vec<Written> = Deserialize::deserialize(from)?;
        let numbers = written.into_iter().map(Written::number).collect::<Result<Vec<f64>, D::Error>>()?;
        let expected = |numbers: Vec<f64>| D::Error::custom(format!("found {} numbers, expected {N}", numbers.len()));
        numbers.try_into().map_err(expected)
    }
}
