//! Leaf hashes of a dm-verity tree (hash type 1, SHA-256, salt of 32 zero bytes): a block's hash is
//! SHA-256(salt || block). The salt is the one that the guests of both targets use.

#![forbid(unsafe_code)]

use sha2::{Digest, Sha256};

/// Size of a data block in bytes, and of a hash block.
pub const BLOCK_BYTES: usize = 4096;
/// Size of one hash in bytes.
pub const HASH_BYTES: usize = 32;

const SALT: [u8; 32] = [0; 32];

/// Hashes of all blocks of `blocks`, in order, `HASH_BYTES` each. None if the length is not a multiple of
/// `BLOCK_BYTES`: a partial block must be padded by the caller, who knows with what.
#[must_use]
pub fn hash_blocks(blocks: &[u8]) -> Option<Vec<u8>> {
    let (whole, rest) = blocks.as_chunks::<BLOCK_BYTES>();
    if !rest.is_empty() {
        return None;
    }
    let salted = Sha256::new_with_prefix(SALT);
    let mut hashes = Vec::with_capacity(whole.len().saturating_mul(HASH_BYTES));
    for block in whole {
        hashes.extend_from_slice(&salted.clone().chain_update(block).finalize());
    }
    Some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of 32 + 4096 zero bytes: the leaf that fills every hole of an image.
    const ZERO_LEAF: &str = "2e534ef0107d592d1706ac38ad58596b85ef3375d360a6d669f974792df5cb5a";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_zero_block_has_the_known_leaf() {
        assert_eq!(hex(&hash_blocks(&[0; BLOCK_BYTES]).unwrap()), ZERO_LEAF);
    }

    #[test]
    fn blocks_are_hashed_one_by_one_in_order() {
        let mut blocks = vec![1; BLOCK_BYTES];
        blocks.extend_from_slice(&[2; BLOCK_BYTES]);
        let (first, second) = blocks.split_at(BLOCK_BYTES);
        let both = [hash_blocks(first).unwrap(), hash_blocks(second).unwrap()].concat();
        assert_eq!(hash_blocks(&blocks).unwrap(), both);
        assert_ne!(hash_blocks(first), hash_blocks(second));
    }

    #[test]
    fn every_byte_of_a_block_counts() {
        let zero = hash_blocks(&[0; BLOCK_BYTES]).unwrap();
        for position in [0, 63, 64, 2048, BLOCK_BYTES - 1] {
            let mut block = [0; BLOCK_BYTES];
            block[position] = 1;
            assert_ne!(hash_blocks(&block).unwrap(), zero, "byte {position}");
        }
    }

    #[test]
    fn nothing_gives_nothing_and_a_partial_block_is_refused() {
        assert_eq!(hash_blocks(&[]), Some(Vec::new()));
        assert_eq!(hash_blocks(&[0; BLOCK_BYTES - 1]), None);
        assert_eq!(hash_blocks(&[0; BLOCK_BYTES + 1]), None);
    }
}
