//! Chance that falls the same way every time.

use serde_json::Value;
use uuid::Uuid;

/// Floats that are easily changed on the way, none so large that a distance would overflow.
const AWKWARD_FLOATS: [f32; 6] = [-0.0, 1e-45, -1e-38, 1e15, 0.1, 16_777_217.0];

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Other names, other throws.
    pub fn of(name: &str) -> Self {
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.throw() % end as u64) as usize
    }

    /// True so often of a hundred times.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    pub fn uuid(&mut self) -> String {
        Uuid::from_u64_pair(self.throw(), self.throw()).to_string()
    }

    /// From -1 to 1, with all its 24 bits.
    pub fn float(&mut self) -> f32 {
        (self.throw() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }

    pub fn vector(&mut self, dimensions: usize) -> Value {
        let mut float = || if self.percent(5) { *self.one_of(&AWKWARD_FLOATS) } else { self.float() };
        (0..dimensions).map(|_| float()).collect()
    }
}
