//! Endorsements of VM images, as a throw-away publisher signs them.

use super::{CertificateParts, rsa_keys, sha256, sign};
use minicbor::Encoder;

pub const FEED: &str = "ContainerPlat-AMD-UVM";
/// 1.3.6.1.4.1.311.76.59.1.2
const USAGE: &[u8] = &[0x2B, 6, 1, 4, 1, 0x82, 0x37, 0x4C, 0x3B, 1, 2];

pub type Out = Encoder<Vec<u8>>;

/// What an endorsement is made of.
#[derive(Clone)]
pub struct Endorsement {
    pub leaf: CertificateParts,
    pub root: CertificateParts,
    pub algorithm: i64,
    pub feed: String,
    pub payload: Vec<u8>,
    /// Replaces the issuer that resolves.
    pub issuer: Option<String>,
    /// Issuer and feed as claims (15) in place of texts.
    pub claims: bool,
}

pub fn payload(svn: &str) -> Vec<u8> {
    let measurement = "22".repeat(48);
    format!(
        r#"{{"x-ms-sevsnpvm-guestsvn":"{svn}","x-ms-sevsnpvm-launchmeasurement":"{measurement}"}}"#
    )
    .into_bytes()
}

impl Endorsement {
    pub fn good() -> Self {
        let [root_key, leaf_key] = rsa_keys();
        let root = CertificateParts::authority("Publisher", "Publisher", root_key, 1);
        let mut leaf = CertificateParts::authority("Signer", "Publisher", leaf_key, 2);
        leaf.not_after = "260101000000Z";
        let usage = super::der(0x30, &[&super::der(6, &[USAGE])]);
        leaf.extensions = vec![(vec![0x55, 0x1D, 0x25], false, usage)];
        Self {
            leaf,
            root,
            algorithm: -38,
            feed: FEED.to_owned(),
            payload: payload("100"),
            issuer: None,
            claims: false,
        }
    }

    /// Leaf and root.
    pub fn chain(&self) -> [Vec<u8>; 2] {
        [
            self.leaf.signed_by(&rsa_keys()[0]),
            self.root.signed_by(&rsa_keys()[0]),
        ]
    }

    pub fn did(&self, root: &[u8]) -> String {
        let fingerprint = data_encoding::BASE64URL_NOPAD.encode(&sha256(root));
        format!("did:x509:0:sha256:{fingerprint}::eku:1.3.6.1.4.1.311.76.59.1.2")
    }

    pub fn protected(&self, chain: &[Vec<u8>; 2]) -> Vec<u8> {
        let issuer = self.issuer.clone().unwrap_or_else(|| self.did(&chain[1]));
        let mut out = Out::new(Vec::new());
        out.map(if self.claims { 4 } else { 5 }).unwrap();
        out.i64(1).unwrap().i64(self.algorithm).unwrap();
        out.i64(3).unwrap().str("application/json").unwrap();
        out.i64(33).unwrap().array(2).unwrap();
        out.bytes(&chain[0]).unwrap().bytes(&chain[1]).unwrap();
        if self.claims {
            out.i64(15).unwrap().map(2).unwrap();
            out.i64(1)
                .unwrap()
                .str(&issuer)
                .unwrap()
                .i64(2)
                .unwrap()
                .str(&self.feed)
                .unwrap();
        } else {
            out.str("iss").unwrap().str(&issuer).unwrap();
            out.str("feed").unwrap().str(&self.feed).unwrap();
        }
        out.into_writer()
    }

    /// The envelope, and the issuer that resolves.
    pub fn build(&self) -> (Vec<u8>, String) {
        let chain = self.chain();
        let protected = self.protected(&chain);
        (self.envelope(&protected, &[0xA0]), self.did(&chain[1]))
    }

    /// The envelope around a protected header, with the bytes of an unprotected one.
    pub fn envelope(&self, protected: &[u8], unprotected: &[u8]) -> Vec<u8> {
        self.envelope_by(protected, unprotected, |message| {
            sign(&rsa_keys()[1], message)
        })
    }

    /// The same, signed by anybody.
    pub fn envelope_by(
        &self,
        protected: &[u8],
        unprotected: &[u8],
        signer: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Vec<u8> {
        let mut signed = Out::new(Vec::new());
        signed
            .array(4)
            .unwrap()
            .str("Signature1")
            .unwrap()
            .bytes(protected)
            .unwrap();
        signed.bytes(&[]).unwrap().bytes(&self.payload).unwrap();
        let signature = signer(&signed.into_writer());
        let part = |bytes: &[u8]| {
            let mut out = Out::new(Vec::new());
            out.bytes(bytes).unwrap();
            out.into_writer()
        };
        let parts = [
            part(protected),
            unprotected.to_vec(),
            part(&self.payload),
            part(&signature),
        ];
        [vec![0xD2, 0x84], parts.concat()].concat()
    }
}
