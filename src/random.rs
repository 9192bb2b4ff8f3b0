//! Text that nobody can guess.

use rand::Rng as _;

/// Letters and digits: they may stand in a mid (RFC 8859: a token), and in a ufrag and a
/// password of ICE (RFC 8839, section 5.4).
pub(crate) fn random_text(length: usize) -> String {
    let mut random = rand::rng();
    (0..length)
        .map(|_| char::from(random.sample(rand::distr::Alphanumeric)))
        .collect()
}
