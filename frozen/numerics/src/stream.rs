//! Random streams without state: a seed, a purpose and a few numbers name one, wherever it is used.
//!
//! A stream is the extendable output of BLAKE3, keyed with the seed, over
//! `purpose length (u64) ‖ purpose ‖ numbers (u64 each)`, little-endian. It is counter-based: any position
//! can be read without those before it.

/// 32 bytes that every stream of a run derives from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// Opens the stream of a purpose and numbers such as epoch and sample.
    #[must_use]
    pub fn stream(&self, purpose: &str, numbers: &[u64]) -> Stream {
        Stream::over(self.hasher(purpose, numbers))
    }

    /// A seed of its own for a part of the system, so that parts cannot share a stream by accident.
    #[must_use]
    pub fn child(&self, purpose: &str, numbers: &[u64]) -> Self {
        Self(*self.hasher(purpose, numbers).finalize().as_bytes())
    }

    /// What initial weights are drawn from: the child `initial weights`.
    #[must_use]
    pub fn weights(&self) -> Self {
        self.child("initial weights", &[])
    }

    /// What the order of samples is drawn from: the child `order`.
    #[must_use]
    pub fn order(&self) -> Self {
        self.child("order", &[])
    }

    /// What augmentation is drawn from: the child `augmentation`.
    #[must_use]
    pub fn augmentation(&self) -> Self {
        self.child("augmentation", &[])
    }

    /// What workers are given: the child `worker`, so that no entry can tell any of the others.
    #[must_use]
    pub fn worker(&self) -> Self {
        self.child("worker", &[])
    }

    fn hasher(&self, purpose: &str, numbers: &[u64]) -> blake3::Hasher {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        for number in numbers {
            hasher.update(&number.to_le_bytes());
        }
        hasher
    }
}

/// Random numbers in order.
pub struct Stream {
    reader: blake3::OutputReader,
    buffer: [u8; 64],
    used: usize,
    spare: Option<f64>,
}

impl Stream {
    fn over(hasher: blake3::Hasher) -> Self {
        Self { reader: hasher.finalize_xof(), buffer: [0; 64], used: 64, spare: None }
    }

    /// Uniform over all 64-bit words.
    pub fn word(&mut self) -> u64 {
        if self.used == self.buffer.len() {
            self.reader.fill(&mut self.buffer);
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.buffer[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(bytes)
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in 0..bound, without bias (Lemire's multiplication with rejection, arXiv:1805.10941).
    ///
    /// A bound of 0 gives 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        loop {
            let product = u128::from(self.word()) * u128::from(bound);
            let low = product as u64;
            if low >= bound || low >= bound.wrapping_neg() % bound.max(1) {
                return (product >> 64) as u64;
            }
        }
    }

    /// Standard normal: Box and Muller's transform of two uniforms, the second value kept for the next call.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // 1 - u is in (0, 1]: the logarithm is finite.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        let angle = core::f64::consts::TAU * self.unit();
        self.spare = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: Seed = Seed([7; 32]);

    fn digits(seed: Seed) -> String {
        seed.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn streams_are_those_of_another_implementation() {
        // Computed with BLAKE3's own Python binding from the layout at the top; normals with Python's libm, to f32.
        let mut stream = SEED.stream("order", &[1, 2]);
        let words: Vec<u64> = (0..10).map(|_| stream.word()).collect();
        assert_eq!(words[..2], [0x6ef38b416a9ab283, 0x879c3d2fd27067c8]);
        assert_eq!(words[9], 0xf3cc1c2d3f584b4c, "past the first block of output");
        assert_eq!(SEED.stream("order", &[1, 2]).unit().to_bits(), 0x3fdbbce2d05aa6ac);
        let mut stream = SEED.stream("below", &[]);
        assert_eq!([(); 6].map(|()| stream.below(7)), [2, 0, 4, 6, 6, 0]);
        let mut stream = SEED.stream("normal", &[]);
        let normals = [(); 4].map(|()| (stream.normal() as f32).to_bits());
        assert_eq!(normals, [0x3f46bf07, 0x3f948918, 0xbeb5d0da, 0xbe4c49b3]);
    }

    #[test]
    fn the_seeds_of_a_run_are_those_of_another_implementation() {
        // The same binding: BLAKE3 keyed with 32 sevens over each name.
        let seeds = [SEED.weights(), SEED.order(), SEED.augmentation(), SEED.worker(), SEED.child("a", &[5])];
        let expected = [
            "62f83b70fa9574f6a531524370d119118eb7c3c6cdf283be8a57f85d193bc918",
            "c7cf9819c189453c3deaef30bcafb5bf0b75039bef079b89fb57a3a390cee0d7",
            "d1441316f9a458d44b0112e261921ad40be0d6d3d158a3d552065f0b663ffd05",
            "f741a4a3bb59cf06a420b3f3e47e5038409cbad568a77f29cc0d80acfc098676",
            "646f4b3c4f65cd1151bf60e80b99b75f3286f31dbccdb724459d6da053e36695",
        ];
        assert_eq!(seeds.map(digits), expected);
    }

    #[test]
    fn purpose_and_numbers_name_a_stream() {
        let word = |purpose, numbers: &[u64]| SEED.stream(purpose, numbers).word();
        assert_eq!(word("order", &[1, 2]), word("order", &[1, 2]));
        assert_ne!(word("order", &[1, 2]), word("order", &[2, 1]));
        assert_ne!(word("order", &[]), word("orde", &[]));
        assert_ne!(SEED.child("a", &[]).stream("order", &[]).word(), word("order", &[]));
    }

    #[test]
    fn moments_are_those_of_the_law() {
        let mut stream = SEED.stream("test", &[]);
        let count = 40_000;
        let normals: Vec<f64> = (0..count).map(|_| stream.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(count);
        let variance = normals.iter().map(|x| x * x).sum::<f64>() / f64::from(count);
        // Four standard errors.
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.03, "{variance}");
        let mut counts = [0u32; 7];
        (0..70_000).for_each(|_| counts[stream.below(7) as usize] += 1);
        assert!(counts.iter().all(|&n| n.abs_diff(10_000) < 400), "{counts:?}");
    }
}
