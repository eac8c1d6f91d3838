//! Values that must not be shown: no `Debug`, no `Display`, no `Serialize`, wiped when dropped.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret. Reading it takes a call of [`Secret::expose`], which a reviewer can search for.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in; the caller keeps no other copy.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. What is made of it stays as secret as it is.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<'de> serde::Deserialize<'de> for Secret<String> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// SHA-256 of a token as 64 hex digits: what is stored of a token that others present.
pub fn sha256_hex(data: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data))
}
