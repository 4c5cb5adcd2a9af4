//! A firmware that signs reports with the throw-away chain of fixtures/.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};

pub const ARK: &[u8] = include_bytes!("../fixtures/ark.der");
pub const ASK: &[u8] = include_bytes!("../fixtures/ask.der");
pub const VCEK: &[u8] = include_bytes!("../fixtures/vcek.der");
const VCEK_KEY: &[u8] = include_bytes!("../fixtures/vcek-key.der");
/// The chip of the VCEK: SHA-512 of this text, as fixtures/make.sh has it.
const CHIP: &[u8] = b"podseal fake chip, for tests only";

/// Levels of the VCEK: boot loader 4, TEE 0, SNP 24, microcode 219.
const TCB: [u8; 8] = [4, 0, 0, 0, 0, 0, 24, 219];

/// What a report says beside the request.
#[derive(Clone, Debug)]
pub struct Launch {
    pub host_data: [u8; 32],
    pub measurement: [u8; 48],
    pub policy: u64,
    pub version: u32,
    /// In place of the level that was asked for.
    pub vmpl: Option<u32>,
    /// In place of the report data that were asked for.
    pub report_data: Option<[u8; 64]>,
    /// Flips a bit of the signature.
    pub is_forged: bool,
}

impl Launch {
    pub fn of_policy(text: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, text);
        Self {
            host_data: digest.as_ref().try_into().unwrap(),
            measurement: [7; 48],
            policy: 0x3_001f,
            version: 3,
            vmpl: None,
            report_data: None,
            is_forged: false,
        }
    }

    /// A signed report (snp-attestation section 2.1).
    pub fn report(&self, report_data: &[u8; 64], vmpl: u32) -> Vec<u8> {
        let mut report = vec![0; 1184];
        let mut put = |at: usize, bytes: &[u8]| report[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x000, &self.version.to_le_bytes());
        put(0x004, &2_u32.to_le_bytes());
        put(0x008, &self.policy.to_le_bytes());
        put(0x030, &self.vmpl.unwrap_or(vmpl).to_le_bytes());
        put(0x034, &1_u32.to_le_bytes());
        for tcb in [0x038, 0x180, 0x1e0, 0x1f0] {
            put(tcb, &TCB);
        }
        put(0x040, &0x25_u64.to_le_bytes());
        put(0x050, &self.report_data.unwrap_or(*report_data));
        put(0x090, &self.measurement);
        put(0x0c0, &self.host_data);
        put(0x140, &[9; 32]);
        put(0x160, &[0xff; 32]);
        put(0x188, &[0x19, 0x01, 0x01]);
        put(
            0x1a0,
            ring::digest::digest(&ring::digest::SHA512, CHIP).as_ref(),
        );
        put(0x1e8, &[30, 55, 1, 0, 30, 55, 1, 0]);
        let random = SystemRandom::new();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, VCEK_KEY, &random).unwrap();
        let signature = key.sign(&random, &report[..0x2a0]).unwrap();
        let (r, s) = signature.as_ref().split_at(48);
        for (at, number) in [(0x2a0, r), (0x2e8, s)] {
            let little: Vec<u8> = number.iter().rev().copied().collect();
            report[at..at + 48].copy_from_slice(&little);
        }
        if self.is_forged {
            report[0x2a0] ^= 1;
        }
        report
    }
}

const GUID_VCEK: &str = "63da758de6644564adc5f4b93be8accd";
const GUID_ASK: &str = "4ab7b379bbac4fe4a02f05aef327c782";
const GUID_ARK: &str = "c0b406a4a80349529743 3fb6014cd0ae";

/// The certificate table of the host, padded to a page as real ones are.
pub fn certificate_table() -> Vec<u8> {
    let entries = [(GUID_VCEK, VCEK), (GUID_ASK, ASK), (GUID_ARK, ARK)];
    let mut table = vec![0; 24 * (entries.len() + 1)];
    for (index, (guid, blob)) in entries.into_iter().enumerate() {
        let guid = data_encoding::HEXLOWER
            .decode(guid.replace(' ', "").as_bytes())
            .unwrap();
        let (offset, length) = (table.len() as u32, blob.len() as u32);
        let entry = [
            guid.as_slice(),
            &offset.to_le_bytes(),
            &length.to_le_bytes(),
        ]
        .concat();
        table[24 * index..24 * (index + 1)].copy_from_slice(&entry);
        table.extend_from_slice(blob);
    }
    table.resize(table.len().next_multiple_of(4096), 0);
    table
}
