//! Endorsements and certificates signed with ECDSA.

use crate::endorsement::{assert_denied, judge};
use crate::support;
use crate::support::endorsement::Endorsement;
use podseal_verify::{Check, Code};

/// SubjectPublicKeyInfo, ECDSA signature (DER or fixed) and coordinate size of a throw-away key.
macro_rules! ec_key {
    ($curve:ident, $oid:expr) => {{
        use $curve::ecdsa::signature::hazmat::PrehashSigner;
        use $curve::ecdsa::{Signature, SigningKey};
        let mut secret = $curve::FieldBytes::default();
        *secret.last_mut().unwrap() = 7;
        let key = SigningKey::from_slice(&secret).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        let bits = support::der(3, &[&[0], point.as_bytes()]);
        let info = support::der(0x30, &[&support::der(0x30, &[EC, $oid]), &bits]);
        let signer = move |is_der: bool, hash: &'static ring::digest::Algorithm, message: &[u8]| {
            let digest = ring::digest::digest(hash, message);
            let size = secret.len().max(digest.as_ref().len());
            let mut padded = vec![0; size - digest.as_ref().len()];
            padded.extend_from_slice(digest.as_ref());
            let signature: Signature = key.sign_prehash(&padded).unwrap();
            if is_der {
                signature.to_der().as_bytes().to_vec()
            } else {
                signature.to_bytes().to_vec()
            }
        };
        (info, Box::new(signer) as Signer)
    }};
}

type Signer = Box<dyn Fn(bool, &'static ring::digest::Algorithm, &[u8]) -> Vec<u8>>;

const EC: &[u8] = &[6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];

#[test]
fn every_curve_with_every_hash() {
    let keys: [(Vec<u8>, Signer); 3] = [
        ec_key!(p256, &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]),
        ec_key!(p384, &[6, 5, 0x2B, 0x81, 4, 0, 0x22]),
        ec_key!(p521, &[6, 5, 0x2B, 0x81, 4, 0, 0x23]),
    ];
    let hashes = [
        (-7, 2, &ring::digest::SHA256),
        (-35, 3, &ring::digest::SHA384),
        (-36, 4, &ring::digest::SHA512),
    ];
    for (info, signer) in &keys {
        for (algorithm, suffix, hash) in hashes {
            let mut one = Endorsement::good();
            one.algorithm = algorithm;
            for part in [&mut one.root, &mut one.leaf] {
                part.key.clone_from(info);
                let oid = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, suffix];
                part.algorithm = support::der(0x30, &[&oid]);
            }
            let certificate = |part: &support::CertificateParts| {
                part.with_signature(&signer(true, hash, &part.tbs()))
            };
            let chain = [certificate(&one.leaf), certificate(&one.root)];
            let protected = one.protected(&chain);
            let by = |message: &[u8]| signer(false, hash, message);
            let mut envelope = one.envelope_by(&protected, &[0xA0], by);
            assert!(
                judge(Some(envelope.clone()), &one.did(&chain[1])).allowed(),
                "{algorithm}"
            );
            *envelope.last_mut().unwrap() ^= 1;
            let verdict = judge(Some(envelope), &one.did(&chain[1]));
            assert_denied(&verdict, Check::UvmSignature, Code::UvmSignature);
        }
    }
}
