//! The JSON of Azure's certificate service: leaf and chain as PEM.

use crate::json::read_document;
use crate::pem::parse_certificates;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    vcek_cert: String,
    certificate_chain: String,
}

/// Leaf and chain (ASK, ARK) of the JSON. Further members are ignored: the certificates say it all.
pub(crate) fn parse(json: &[u8]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let document: Document = read_document(json).ok()?;
    let leaf = parse_certificates(&document.vcek_cert)?;
    let chain = parse_certificates(&document.certificate_chain)?;
    match <[Vec<u8>; 1]>::try_from(leaf) {
        Ok([leaf]) => Some((leaf, chain)),
        Err(_) => None,
    }
}
