//! What reports and certificates come in: certificate table, vTPM report, JSON of the certificate service.

use crate::mutation::table;
use crate::support::{Chain, NOW, Trial, assert_allowed, assert_denied, crl, sha256};
use podseal_verify::{Certificates, Check, Code, Evidence, Line, Outcome, ReportSource};

const VCEK: [u8; 16] = 0x63da758d_e664_4564_adc5_f4b93be8accd_u128.to_be_bytes();
const VLEK: [u8; 16] = 0xa8074bc2_a25a_483e_aae6_39c045a0b8a1_u128.to_be_bytes();
const ASK: [u8; 16] = 0x4ab7b379_bbac_4fe4_a02f_05aef327c782_u128.to_be_bytes();
const ARK: [u8; 16] = 0xc0b406a4_a803_4952_9743_3fb6014cd0ae_u128.to_be_bytes();
const CRL: [u8; 16] = 0x92f81bc3_5811_4d3d_97ff_d19f88dc67ea_u128.to_be_bytes();

/// A vTPM report around a report.
pub fn hcl(report: &[u8], runtime: &[u8]) -> Vec<u8> {
    let size = runtime.len() as u32;
    let words = |words: &[u32]| {
        words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<_>>()
    };
    [
        b"HCLA".to_vec(),
        words(&[2, 1236 + size, 2, 0, 0, 0, 0]),
        report.to_vec(),
        words(&[20 + size, 1, 2, 1, size]),
        runtime.to_vec(),
        vec![0; 100],
    ]
    .concat()
}

/// The JSON of the certificate service.
pub fn thim(chain: &Chain) -> Vec<u8> {
    let pem = |der: &[u8]| {
        let body = data_encoding::BASE64.encode(der);
        format!("-----BEGIN CERTIFICATE-----\\n{body}\\n-----END CERTIFICATE-----\\n")
    };
    let issuers = [pem(&chain.intermediate), pem(&chain.root)].concat();
    let leaf = pem(&chain.leaf);
    format!(r#"{{"vcekCert":"{leaf}","certificateChain":"{issuers}","tcbm":"00"}}"#).into_bytes()
}

fn trial() -> Trial {
    let mut trial = Trial::of(Line::Milan);
    trial.report.sign();
    trial
}

fn judge(trial: &Trial, certificates: Certificates) -> podseal_verify::Verdict {
    trial.judge_evidence(&Evidence {
        certificates,
        ..trial.evidence()
    })
}

#[test]
fn a_table_gives_the_chain_and_the_revocation_list() {
    let mut trial = trial();
    let chain = trial.chain.clone();
    let list = crl(&[&[2]], "251201000000Z", "260201000000Z");
    let mut entries: Vec<([u8; 16], &[u8])> = vec![
        ([9; 16], b"other"),
        (ARK, &chain.root),
        (VLEK, b"no certificate"),
        (ASK, &chain.intermediate),
        (VCEK, &chain.leaf),
    ];
    let padded = [table(&entries), vec![0; 4096]].concat();
    let verdict = judge(&trial, Certificates::Table(padded));
    assert_allowed(&verdict);
    assert_eq!(
        verdict.row(Check::CertificateTable).unwrap().result,
        Outcome::Pass
    );
    entries.push((CRL, &list));
    let verdict = judge(&trial, Certificates::Table(table(&entries)));
    assert_denied(&verdict, Check::Revocation, Code::Revoked);
    trial.crl = Some(crl(&[], "251201000000Z", "260201000000Z"));
    assert_allowed(&judge(&trial, Certificates::Table(table(&entries))));
}

#[test]
fn tables_without_certificates_or_without_an_end() {
    let trial = trial();
    let verdict = judge(&trial, Certificates::Table(table(&[])));
    assert_denied(&verdict, Check::ChainFormat, Code::ChainFormat);
    let other = table(&[([9; 16], b"other")]);
    let verdict = judge(&trial, Certificates::Table(other));
    assert_denied(&verdict, Check::CertificateTable, Code::CerttableNoVcek);
    assert_eq!(
        verdict.row(Check::ChainFormat).unwrap().result,
        Outcome::Blocked
    );
    assert_eq!(verdict.row(Check::Chip).unwrap().result, Outcome::Blocked);
}

#[test]
fn damaged_tables() {
    let trial = trial();
    let good = table(&[(VCEK, &[1; 32]), (ASK, &[2; 32])]);
    let word = |offset: usize, value: u32| {
        let mut bytes = good.clone();
        bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    let many: Vec<([u8; 16], &[u8])> = (1..=65).map(|number| ([number; 16], &b"x"[..])).collect();
    for bytes in [
        Vec::new(),
        vec![0; 23],
        good[..48].to_vec(),
        word(20, 0),
        word(20, 4096),
        word(16, 71),
        word(16, 0xFFFF_FFF0),
        word(16, 73),
        table(&[(VCEK, &[1; 32]), (VCEK, &[2; 32])]),
        table(&many),
    ] {
        let verdict = judge(&trial, Certificates::Table(bytes));
        assert_denied(&verdict, Check::CertificateTable, Code::Certtable);
    }
    let limit = table(&many[..64]);
    let verdict = judge(&trial, Certificates::Table(limit));
    assert_denied(&verdict, Check::CertificateTable, Code::CerttableNoVcek);
}

#[test]
fn a_vtpm_report_binds_its_runtime_data() {
    let runtime = br#"{"keys":[]}"#;
    let mut trial = Trial::of(Line::Milan);
    trial
        .report
        .put(0x50, &[0; 64])
        .put(0x50, &sha256(runtime))
        .sign();
    let judge = |bytes: Vec<u8>| {
        let evidence = Evidence {
            report: ReportSource::Hcl(bytes),
            ..trial.evidence()
        };
        trial.judge_evidence(&evidence)
    };
    assert_allowed(&judge(hcl(&trial.report.0, runtime)));
    let verdict = judge(hcl(&trial.report.0, br#"{"keys":{}}"#));
    assert_denied(&verdict, Check::RuntimeData, Code::ReportData);
    for (offset, value) in [
        (0, b'h'),
        (4, 3),
        (8, 1),
        (12, 1),
        (16, 1),
        (1220, 2),
        (1224, 4),
        (1228, 4),
        (1300, 1),
    ] {
        let mut bytes = hcl(&trial.report.0, runtime);
        bytes[offset] = value;
        assert_denied(&judge(bytes), Check::Hcl, Code::Hcl);
    }
    let whole = hcl(&trial.report.0, runtime);
    assert_denied(&judge(whole[..1240].to_vec()), Check::Hcl, Code::Hcl);
}

#[test]
fn the_json_of_the_certificate_service() {
    let trial = trial();
    let good = String::from_utf8(thim(&trial.chain)).unwrap();
    assert_allowed(&judge(
        &trial,
        Certificates::Thim(good.clone().into_bytes()),
    ));
    let twice = good.replace("\"tcbm\"", "\"vcekCert\"");
    let array = format!("[{good}]");
    for bad in [
        twice,
        array,
        good.replace("vcekCert", "vcek"),
        String::new(),
    ] {
        let verdict = judge(&trial, Certificates::Thim(bad.into_bytes()));
        assert_denied(&verdict, Check::ChainFormat, Code::ChainFormat);
    }
    assert_eq!(trial.time, NOW);
}
