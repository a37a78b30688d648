//! The random numbers of the book's programs: those of Python's `random` and of NumPy's legacy generator, number by number.
//!
//! Both are a Mersenne Twister (Matsumoto and Nishimura, 1998), MT19937, but are seeded in different ways.

const N: usize = 624;
const M: usize = 397;

/// MT19937.
#[derive(Clone)]
pub(crate) struct Twister {
    state: [u32; N],
    next: usize,
}

impl Twister {
    /// Seeded by one number, as `numpy.random.seed` does (the authors' `init_genrand`).
    pub(crate) fn new(seed: u32) -> Twister {
        let mut state = [seed; N];
        for i in 1..N {
            state[i] = mixed(state[i - 1]).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Twister { state, next: N }
    }

    /// Seeded by some numbers, as `random.seed` does with the digits of an integer in base 2³² (`init_by_array`).
    pub(crate) fn from_key(key: &[u32]) -> Twister {
        let mut twister = Twister::new(19_650_218);
        let state = &mut twister.state;
        // Step k is at place 1 to 623 and uses the place before it; place 0 stands for the last.
        let mut step = |k: usize, factor: u32, add: u32| {
            let i = k % (N - 1) + 1;
            if i == 1 && k > 0 {
                state[0] = state[N - 1];
            }
            state[i] = (state[i] ^ mixed(state[i - 1]).wrapping_mul(factor)).wrapping_add(add);
        };
        let steps = N.max(key.len());
        for k in 0..steps {
            let j = k % key.len();
            step(k, 1_664_525, key[j].wrapping_add(j as u32));
        }
        for k in steps..steps + N - 1 {
            step(k, 1_566_083_941, ((k % (N - 1) + 1) as u32).wrapping_neg());
        }
        state[0] = 1 << 31;
        twister
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// Uniform in [0, 1), from 53 bits.
    pub(crate) fn random(&mut self) -> f64 {
        let (high, low) = (self.next_u32() >> 5, self.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// Shuffles as Python 2's `random.shuffle` does.
    pub(crate) fn shuffle<V>(&mut self, list: &mut [V]) {
        for i in (1..list.len()).rev() {
            list.swap(i, (self.random() * (i + 1) as f64) as usize);
        }
    }

    /// The next 624 words.
    fn twist(&mut self) {
        for i in 0..N {
            let y = self.state[i] & 1 << 31 | self.state[(i + 1) % N] & !(1 << 31);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ y >> 1 ^ odd;
        }
        self.next = 0;
    }
}

fn mixed(word: u32) -> u32 {
    word ^ word >> 30
}

/// `numpy.random.randn`: standard normal numbers by the polar method (Marsaglia and Bray, 1964), two at a time.
pub(crate) struct Normal {
    twister: Twister,
    kept: Option<f64>,
}

impl Normal {
    pub(crate) fn new(seed: u32) -> Normal {
        Normal { twister: Twister::new(seed), kept: None }
    }

    pub(crate) fn draw(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let (x1, x2) = (2.0 * self.twister.random() - 1.0, 2.0 * self.twister.random() - 1.0);
            let r2 = x1 * x1 + x2 * x2;
            if r2 < 1.0 && r2 != 0.0 {
                let f = (-2.0 * r2.ln() / r2).sqrt();
                self.kept = Some(f * x1);
                return f * x2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The authors' own test outputs, and the tenth thousandth number that the C++ standard names for its `mt19937`.
    #[test]
    fn the_twister_is_the_authors() {
        let mut twister = Twister::from_key(&[0x123, 0x234, 0x345, 0x456]);
        let first: Vec<u32> = (0..5).map(|_| twister.next_u32()).collect();
        assert_eq!(first, [1_067_595_299, 955_945_823, 477_289_528, 4_107_218_783, 4_228_976_476]);

        let mut twister = Twister::new(5489);
        assert_eq!(twister.next_u32(), 3_499_211_612);
        assert_eq!((0..9999).map(|_| twister.next_u32()).last(), Some(4_123_659_995));
    }

    #[test]
    fn uniform_numbers_and_shuffles_are_pythons() {
        let mut random = Twister::from_key(&[12_345_678]);
        assert_eq!([random.random(), random.random()], [0.7202671550185803, 0.6330310001166692]);

        let mut list = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        Twister::from_key(&[12_345_678]).shuffle(&mut list);
        assert_eq!(list, [6, 4, 0, 8, 2, 3, 9, 1, 5, 7]);
    }

    #[test]
    fn normal_numbers_are_numpys() {
        let mut normal = Normal::new(0);
        let expected =
            [1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458, 1.8675579901499675];
        for expected in expected {
            let got = normal.draw();
            assert!((got - expected).abs() < 1e-15, "{got}, expected {expected}");
        }
    }
}
