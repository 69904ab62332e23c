//! Passwords that were verified a moment ago, so that the requests of one push hash once.
//!
//! Spec: RFC 7693, "BLAKE2", keyed hashing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use blake2::Blake2sMac256;
use blake2::digest::{KeyInit, Mac};

use super::{PasswordHash, SystemFault};

/// How many verified passwords are remembered, over all principals of a process. One more pushes
/// out the oldest, which costs its owner one hashing; nothing is refused.
pub const MAX_VERIFIED: usize = 4096;

/// How long a verified password is remembered, counted from its verification. A changed hash in
/// the access file takes effect at once all the same.
pub const VERIFIED_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Remembers successes only, as keyed digests of name, password and stored hash.
///
/// The key is random and lives as long as the value: a memory dump without the key holds nothing
/// to guess against, and keys cannot be made to collide from outside. One cache serves any number
/// of access files, before and after a reload.
pub struct VerifiedCache {
    key: [u8; 32],
    /// When each digest was verified.
    verified: Mutex<HashMap<Digest, Instant>>,
}

/// Stands for one name, password and stored hash.
pub(crate) type Digest = [u8; 32];

impl VerifiedCache {
    /// Makes an empty cache with a key of its own.
    ///
    /// # Errors
    ///
    /// [`SystemFault`] if the system has none.
    pub fn new() -> Result<Self, SystemFault> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|_| SystemFault)?;
        Ok(Self { key, verified: Mutex::default() })
    }

    /// The digest under which a success is remembered.
    pub(crate) fn digest(&self, name: &str, password: &[u8], hash: &PasswordHash) -> Digest {
        self.keyed(&[name.as_bytes(), password, hash.as_str().as_bytes()])
    }

    /// A number below `bound` that stands for the name as long as the process lives.
    pub(crate) fn pick(&self, name: &str, bound: usize) -> usize {
        let digest = self.keyed(&[name.as_bytes()]);
        let number = u64::from_le_bytes(std::array::from_fn(|i| digest[i]));
        (number % bound.max(1) as u64) as usize
    }

    /// Whether the digest was remembered less than [`VERIFIED_LIFETIME`] before `now`.
    pub(crate) fn contains(&self, digest: &Digest, now: Instant) -> bool {
        self.lock().get(digest).is_some_and(|&since| is_fresh(since, now))
    }

    /// Remembers a success.
    pub(crate) fn insert(&self, digest: Digest, now: Instant) {
        let mut verified = self.lock();
        if verified.len() >= MAX_VERIFIED && !verified.contains_key(&digest) {
            verified.retain(|_, &mut since| is_fresh(since, now));
            if verified.len() >= MAX_VERIFIED {
                let oldest = verified.iter().min_by_key(|&(_, since)| *since).map(|(d, _)| *d);
                oldest.and_then(|oldest| verified.remove(&oldest));
            }
        }
        verified.insert(digest, now);
    }

    fn keyed(&self, fields: &[&[u8]]) -> Digest {
        let mut mac = Blake2sMac256::new(&self.key.into());
        for field in fields {
            // The length keeps "ab" + "c" apart from "a" + "bc".
            mac.update(&(field.len() as u64).to_le_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().into()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Instant>> {
        // No code that can panic leaves the map half done.
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for VerifiedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedCache").finish_non_exhaustive()
    }
}

fn is_fresh(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) < VERIFIED_LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";

    fn numbered(number: usize) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&(number as u64).to_le_bytes());
        digest
    }

    #[test]
    fn entries_expire() {
        let cache = VerifiedCache::new().unwrap();
        let start = Instant::now();
        cache.insert(numbered(1), start);
        assert!(cache.contains(&numbered(1), start));
        assert!(cache.contains(&numbered(1), start + VERIFIED_LIFETIME - Duration::from_nanos(1)));
        assert!(!cache.contains(&numbered(1), start + VERIFIED_LIFETIME));
        assert!(!cache.contains(&numbered(2), start));
    }

    #[test]
    fn a_full_cache_drops_the_oldest() {
        let cache = VerifiedCache::new().unwrap();
        let start = Instant::now();
        for number in 0..MAX_VERIFIED + 2 {
            cache.insert(numbered(number), start + Duration::from_micros(number as u64));
            assert!(cache.lock().len() <= MAX_VERIFIED);
        }
        let now = start + Duration::from_secs(1);
        assert!(!cache.contains(&numbered(0), now));
        assert!(!cache.contains(&numbered(1), now));
        assert!(cache.contains(&numbered(2), now));
        assert!(cache.contains(&numbered(MAX_VERIFIED + 1), now));
    }

    #[test]
    fn a_full_cache_drops_everything_expired_first() {
        let cache = VerifiedCache::new().unwrap();
        let start = Instant::now();
        for number in 0..MAX_VERIFIED {
            cache.insert(numbered(number), start);
        }
        cache.insert(numbered(MAX_VERIFIED), start + VERIFIED_LIFETIME);
        assert_eq!(cache.lock().len(), 1);
    }

    #[test]
    fn every_field_and_the_key_count() {
        let cache = VerifiedCache::new().unwrap();
        let hash = PasswordHash::parse(HASH).unwrap();
        let other = PasswordHash::parse(&HASH.replace("$2y$", "$2b$")).unwrap();
        let digest = cache.digest("alice", b"x", &hash);
        assert_eq!(digest, cache.digest("alice", b"x", &hash));
        assert_ne!(digest, cache.digest("alicex", b"", &hash));
        assert_ne!(digest, cache.digest("alice", b"y", &hash));
        assert_ne!(digest, cache.digest("alice", b"x", &other));
        assert_ne!(digest, VerifiedCache::new().unwrap().digest("alice", b"x", &hash));
    }
}
