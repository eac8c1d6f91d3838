//! Randomness as a parameter.

/// Where random bytes come from.
pub trait Rng: Send + Sync + 'static {
    /// Fills `bytes`; every bit is unpredictable to others.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, bytes: &mut [u8]) {
        use rand::TryRng as _;
        #[expect(clippy::expect_used, reason = "without entropy nothing here may go on")]
        rand::rngs::SysRng
            .try_fill_bytes(bytes)
            .expect("the system's random generator failed");
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>(rng: &dyn Rng) -> [u8; N] {
    let mut out = [0; N];
    rng.fill(&mut out);
    out
}

/// 256 random bits as 43 characters of URL-safe base64, after `prefix`.
pub fn token(prefix: &str, rng: &dyn Rng) -> crate::Secret<String> {
    use base64::Engine as _;
    let raw: [u8; 32] = bytes(rng);
    crate::Secret::new(format!(
        "{prefix}{}",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(raw)
    ))
}
