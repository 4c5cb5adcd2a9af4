//! Certificates and revocation lists, signed by throw-away keys.

use podseal_verify::Line;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PSS_SHA384, RsaKeyPair,
};
use std::sync::OnceLock;

/// One DER element.
pub fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let size = contents.len();
    let length = match size {
        0..0x80 => vec![size as u8],
        0x80..0x100 => vec![0x81, size as u8],
        0x100..0x1_0000 => vec![0x82, (size >> 8) as u8, size as u8],
        _ => vec![0x83, (size >> 16) as u8, (size >> 8) as u8, size as u8],
    };
    [&[tag], length.as_slice(), &contents].concat()
}

pub const SHA384: &[u8] = &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
const PSS: &[u8] = &[0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 0x0A];
const MGF1: &[u8] = &[0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 8];
const RSA: &[u8] = &[0x06, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
const NULL: &[u8] = &[5, 0];
const EC: &[u8] = &[0x06, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
const P384: &[u8] = &[0x06, 5, 0x2B, 0x81, 4, 0, 0x22];

/// AlgorithmIdentifier of RSASSA-PSS with SHA-384 and this salt.
pub fn pss(salt: u8) -> Vec<u8> {
    let hash = der(0x30, &[SHA384, NULL]);
    let mask = der(0x30, &[MGF1, &hash]);
    let parameters = [
        der(0xA0, &[&hash]),
        der(0xA1, &[&mask]),
        der(0xA2, &[&[2, 1, salt]]),
    ]
    .concat();
    der(0x30, &[PSS, &der(0x30, &[&parameters])])
}

/// The two throw-away RSA keys.
pub fn rsa_keys() -> &'static [RsaKeyPair; 2] {
    static KEYS: OnceLock<[RsaKeyPair; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        [
            RsaKeyPair::from_pkcs8(include_bytes!("../keys/throw-away-ark.pk8")).unwrap(),
            RsaKeyPair::from_pkcs8(include_bytes!("../keys/throw-away-ask.pk8")).unwrap(),
        ]
    })
}

/// A throw-away key that is shorter than AMD's.
pub fn short_key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(include_bytes!("../keys/throw-away-2048.pk8")).unwrap()
}

/// A signature over a message by an RSA key, as PSS with SHA-384.
pub fn sign(key: &RsaKeyPair, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PSS_SHA384,
        &SystemRandom::new(),
        message,
        &mut signature,
    )
    .unwrap();
    signature
}

pub fn rsa_info(key: &RsaKeyPair) -> Vec<u8> {
    let bits = der(3, &[&[0], key.public().as_ref()]);
    der(0x30, &[&der(0x30, &[RSA, NULL]), &bits])
}

pub fn ec_info(key: &EcdsaKeyPair) -> Vec<u8> {
    let bits = der(3, &[&[0], key.public_key().as_ref()]);
    der(0x30, &[&der(0x30, &[EC, P384]), &bits])
}

/// The key of all leaves made here.
pub fn leaf_key() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()
    })
}

/// A distinguished name.
pub fn name(common_name: &str) -> Vec<u8> {
    let attribute = |kind: u8, text: &str| {
        let oid = [6, 3, 0x55, 4, kind];
        der(0x31, &[&der(0x30, &[&oid, &der(0x0C, &[text.as_bytes()])])])
    };
    der(
        0x30,
        &[&attribute(10, "Throw Away"), &attribute(3, common_name)],
    )
}

/// What a certificate is made of.
#[derive(Clone)]
pub struct CertificateParts {
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    pub serial: Vec<u8>,
    pub not_before: &'static str,
    pub not_after: &'static str,
    pub key: Vec<u8>,
    pub algorithm: Vec<u8>,
    /// OID contents, critical, value.
    pub extensions: Vec<(Vec<u8>, bool, Vec<u8>)>,
}

pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
pub const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];

impl CertificateParts {
    pub fn authority(subject: &str, issuer: &str, key: &RsaKeyPair, serial: u8) -> Self {
        Self {
            subject: name(subject),
            issuer: name(issuer),
            serial: vec![serial],
            not_before: "201022000000Z",
            not_after: "451022000000Z",
            key: rsa_info(key),
            algorithm: pss(48),
            extensions: vec![
                (KEY_USAGE.to_vec(), true, vec![3, 2, 1, 6]),
                (BASIC_CONSTRAINTS.to_vec(), true, vec![0x30, 3, 1, 1, 0xFF]),
            ],
        }
    }

    /// The signed part.
    pub fn tbs(&self) -> Vec<u8> {
        let extension = |(oid, critical, value): &(Vec<u8>, bool, Vec<u8>)| {
            let flag: &[u8] = if *critical { &[1, 1, 0xFF] } else { &[] };
            der(0x30, &[&der(6, &[oid]), flag, &der(4, &[value])])
        };
        let extensions: Vec<u8> = self.extensions.iter().flat_map(extension).collect();
        let time = |text: &str| der(0x17, &[text.as_bytes()]);
        der(
            0x30,
            &[
                &[0xA0, 3, 2, 1, 2],
                &der(2, &[&self.serial]),
                &self.algorithm,
                &self.issuer,
                &der(0x30, &[&time(self.not_before), &time(self.not_after)]),
                &self.subject,
                &self.key,
                &der(0xA3, &[&der(0x30, &[&extensions])]),
            ],
        )
    }

    pub fn signed_by(&self, key: &RsaKeyPair) -> Vec<u8> {
        self.with_signature(&sign(key, &self.tbs()))
    }

    pub fn with_signature(&self, signature: &[u8]) -> Vec<u8> {
        der(
            0x30,
            &[&self.tbs(), &self.algorithm, &der(3, &[&[0], signature])],
        )
    }

    /// Sets or replaces an extension of AMD's arc.
    pub fn set(&mut self, suffix: &[u8], value: &[u8]) {
        self.unset(suffix);
        self.extensions.push((amd(suffix), false, value.to_vec()));
    }

    pub fn unset(&mut self, suffix: &[u8]) {
        let oid = amd(suffix);
        self.extensions.retain(|(known, ..)| *known != oid);
    }
}

/// An OID of AMD's arc.
pub fn amd(suffix: &[u8]) -> Vec<u8> {
    [&[0x2B, 6, 1, 4, 1, 0x9C, 0x78, 1], suffix].concat()
}

/// INTEGER of one byte.
pub fn level(value: u8) -> Vec<u8> {
    if value < 0x80 {
        vec![2, 1, value]
    } else {
        vec![2, 2, 0, value]
    }
}

/// A chip of each kind: what its leaf says.
pub fn chip(line: Line) -> Vec<u8> {
    vec![0x77; line.hwid_bytes()]
}

pub const LEVELS: [u8; 5] = [1, 4, 0, 0x18, 0xDB];

/// The parts of a good VCEK.
pub fn vcek(line: Line) -> CertificateParts {
    let mut parts = CertificateParts {
        subject: name("SEV-VCEK"),
        issuer: name(&format!("SEV-{line}")),
        serial: vec![0],
        not_before: "250101000000Z",
        not_after: "320101000000Z",
        key: ec_info(leaf_key()),
        algorithm: pss(48),
        extensions: Vec::new(),
    };
    let [fmc, bl, tee, snp, ucode] = LEVELS;
    parts.set(&[1], &level(0));
    parts.set(&[2], &der(0x16, &[format!("{line}-B0").as_bytes()]));
    for (suffix, value) in [
        (1, bl),
        (2, tee),
        (3, snp),
        (5, 0),
        (6, 0),
        (7, 0),
        (8, ucode),
    ] {
        parts.set(&[3, suffix], &level(value));
    }
    if line == Line::Turin {
        parts.set(&[3, 9], &level(fmc));
    }
    parts.set(&[4], &chip(line));
    parts
}

/// The parts of a good VLEK.
pub fn vlek(line: Line) -> CertificateParts {
    let mut parts = vcek(line);
    parts.subject = name("SEV-VLEK");
    parts.issuer = name(&format!("SEV-VLEK-{line}"));
    parts.unset(&[4]);
    parts.set(&[5], &der(0x16, &[b"CN=throw-away.example"]));
    parts
}

/// Parts of ARK and of ASK or ASVK.
pub fn issuers(line: Line, intermediate: &str) -> [CertificateParts; 2] {
    let [ark_key, ask_key] = rsa_keys();
    let ark = format!("ARK-{line}");
    [
        CertificateParts::authority(&ark, &ark, ark_key, 1),
        CertificateParts::authority(&format!("{intermediate}{line}"), &ark, ask_key, 2),
    ]
}

/// A revocation list of the throw-away ARK of Milan.
pub fn crl(serials: &[&[u8]], this_update: &str, next_update: &str) -> Vec<u8> {
    let entries: Vec<u8> = serials
        .iter()
        .flat_map(|serial| revoked(serial, &[]))
        .collect();
    let list = if serials.is_empty() {
        Vec::new()
    } else {
        der(0x30, &[&entries])
    };
    crl_of("ARK-Milan", &[this_update, next_update], &list)
}

/// An entry of a revocation list, with the bytes of its extensions.
pub fn revoked(serial: &[u8], extensions: &[u8]) -> Vec<u8> {
    der(
        0x30,
        &[
            &der(2, &[serial]),
            &der(0x17, &[b"251201000000Z"]),
            extensions,
        ],
    )
}

/// A revocation list that the ARK's key signs in any name, with whatever follows its times.
pub fn crl_of(issuer: &str, times: &[&str], rest: &[u8]) -> Vec<u8> {
    let times: Vec<u8> = times
        .iter()
        .flat_map(|text| der(0x17, &[text.as_bytes()]))
        .collect();
    let tbs = der(0x30, &[&[2, 1, 1], &pss(48), &name(issuer), &times, rest]);
    let signature = sign(&rsa_keys()[0], &tbs);
    der(0x30, &[&tbs, &pss(48), &der(3, &[&[0], &signature])])
}
