//! PEM (RFC 7468): blocks between lines of BEGIN and END. Text around them and blocks of other labels are passed over.

use crate::hex::read_base64;

/// The label of a BEGIN line.
fn label(line: &str) -> Option<&str> {
    let label = line
        .trim_ascii_end()
        .strip_prefix("-----BEGIN ")?
        .strip_suffix("-----")?;
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    ((1..=64).contains(&label.len()) && label.bytes().all(fits)).then_some(label)
}

/// Whether a line is a header of the old encrypted form (`Proc-Type: 4,ENCRYPTED`).
fn is_header(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

/// The DER bytes of each certificate, in order. None if a block does not end or is not base64.
pub(crate) fn parse_certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut lines = text.split('\n');
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let Some(label) = label(line) else {
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut body: Vec<&str> = Vec::new();
        loop {
            let line = lines.next()?;
            if line.trim_ascii_end() == end {
                break;
            }
            body.push(line.trim_ascii());
        }
        let has_headers = body.first().is_some_and(|line| is_header(line));
        let bytes = if has_headers {
            Vec::new()
        } else {
            read_base64(&body.concat())?
        };
        if label == "CERTIFICATE" {
            found.push(bytes);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_between_any_text() {
        let block = "-----BEGIN CERTIFICATE-----\r\nAQ\n ID \n-----END CERTIFICATE-----\n";
        let other = "-----BEGIN X509 CRL-----\nAQID\n-----END X509 CRL-----\n";
        let text = format!("subject: CN\n{block}between\n{other}{block}");
        assert_eq!(parse_certificates(&text), Some(vec![vec![1, 2, 3]; 2]));
        assert_eq!(parse_certificates("nothing"), Some(Vec::new()));
    }

    #[test]
    fn damaged_blocks_are_refused() {
        for text in [
            "-----BEGIN CERTIFICATE-----\nAQID\n",
            "-----BEGIN CERTIFICATE-----\nAQI\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nAQID\n-----END X509 CRL-----",
            "-----BEGIN X509 CRL-----\n%\n-----END X509 CRL-----",
        ] {
            assert_eq!(parse_certificates(text), None, "{text}");
        }
    }
}
