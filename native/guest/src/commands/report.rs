//! `podseal-guest report`: the raw report and the certificates of the host, unverified.

use super::Done;
use crate::device::{self, Answer, Patience, Request};
use crate::failure::{Code, EXIT_OK, Failure};
use crate::files;
use crate::options::ReportOptions;
use crate::random;
use data_encoding::{BASE64, HEXLOWER};
use podseal_verify::EVIDENCE_FORMAT;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Evidence<'a> {
    format: &'a str,
    report: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_table: Option<String>,
}

pub(super) fn run(options: &ReportOptions, json: bool) -> Result<Done, Failure> {
    if options.output.is_none() && !json && std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        return Err(Failure::new(
            Code::Usage,
            "a report is binary, and standard output is a terminal",
        )
        .with_hint("write it to a file with --output FILE, or print it as text with --json"));
    }
    let report_data = options.report_data.map_or_else(random::nonce, Ok)?;
    let request = Request {
        report_data,
        vmpl: options.device.vmpl.unwrap_or(0),
    };
    let mut patience = Patience::new(options.device.wait);
    let answer = device::obtain(&options.device.sources, &request, &mut patience)?;
    device::check_answer(&answer, &request)?;
    if let Some(path) = &options.certificates {
        files::write_atomic(path, &answer.certificate_table)?;
    }
    let product = if json {
        print_json(&answer)?
    } else {
        answer.report.clone()
    };
    let story = print_story(&answer, &request, options);
    match &options.output {
        None => Ok(Done {
            product,
            story,
            exit: EXIT_OK,
        }),
        Some(path) => {
            files::write_atomic(path, &product)?;
            Ok(Done {
                product: Vec::new(),
                story,
                exit: EXIT_OK,
            })
        }
    }
}

/// The report as evidence, as `podseal report verify` takes it.
fn print_json(answer: &Answer) -> Result<Vec<u8>, Failure> {
    let table = &answer.certificate_table;
    let evidence = Evidence {
        format: EVIDENCE_FORMAT,
        report: BASE64.encode(&answer.report),
        certificate_table: (!table.is_empty()).then(|| BASE64.encode(table)),
    };
    crate::print::json_line(&evidence)
}

fn print_story(answer: &Answer, request: &Request, options: &ReportOptions) -> String {
    let mut story = format!(
        "report from {}, not verified\nreport data {}\n",
        answer.source,
        HEXLOWER.encode(&request.report_data)
    );
    if let Some(path) = &options.certificates {
        story.push_str(&format!(
            "{} bytes of certificates to {}\n",
            answer.certificate_table.len(),
            path.display()
        ));
    }
    story
}
