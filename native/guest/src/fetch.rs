//! Certificates from the certificate service of the machine (THIM), over plain HTTP: the only network use of the
//! program, and only where it is asked for. Certificates are untrusted transport, so the channel needs no protection;
//! it needs bounds: one address, one request, no redirects, a deadline, and a limit of bytes.

use crate::failure::{Code, Failure};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// For the whole of a request.
const DEADLINE: Duration = Duration::from_secs(15);
/// Headers and body together.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The default port of HTTP.
const PORT: &str = "80";

/// The parts of `http://HOST[:PORT]/PATH`.
struct Place<'a> {
    address: String,
    host: &'a str,
    path: &'a str,
}

/// The body that an `http://` address answers with. Throws USAGE for another address, `UNREACHABLE`, `LIMIT_EXCEEDED`.
pub fn get(url: &str) -> Result<Vec<u8>, Failure> {
    let place = parse(url)?;
    let answer = request(&place).map_err(|error| unreachable(&place, &error.to_string()))?;
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(Failure::new(
            Code::Limit,
            format!("the answer of {} is too long", place.host),
        )
        .with_sides(format!("at most {ANSWER_BYTES_MAX} bytes"), "more"));
    }
    body_of(&answer).map_err(|problem| unreachable(&place, problem))
}

fn parse(url: &str) -> Result<Place<'_>, Failure> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = url
        .strip_prefix("http://")
        .filter(|rest| plain(rest) && !rest.contains('@'))
        .and_then(|rest| rest.split_once('/'));
    match parts {
        Some((host, path)) if !host.is_empty() => Ok(Place {
            address: if host.contains(':') {
                host.to_owned()
            } else {
                format!("{host}:{PORT}")
            },
            host,
            path,
        }),
        _ => Err(Failure::new(
            Code::Usage,
            "--fetch-certs is not an address of the certificate service",
        )
        .with_sides(
            "http://169.254.169.254/metadata/THIM/amd/certification",
            url.to_owned(),
        )),
    }
}

/// Headers and body as they came, at most one byte more than the limit.
fn request(place: &Place<'_>) -> io::Result<Vec<u8>> {
    let end = Instant::now().checked_add(DEADLINE);
    let left = || {
        end.and_then(|end| end.checked_duration_since(Instant::now()))
            .filter(|left| !left.is_zero())
            .ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut))
    };
    let address = place
        .address
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    let Place { host, path, .. } = place;
    // HTTP/1.0: the body ends with the connection, there are no chunks.
    write!(
        stream,
        "GET /{path} HTTP/1.0\r\nHost: {host}\r\nMetadata: true\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    let mut part = [0_u8; 8192];
    while answer.len() <= ANSWER_BYTES_MAX {
        stream.set_read_timeout(Some(left()?))?;
        let count = stream.read(&mut part)?;
        let Some(bytes) = part.get(..count).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        answer.extend_from_slice(bytes);
    }
    Ok(answer)
}

/// The body of a complete answer with status 200, or what is wrong with it.
fn body_of(answer: &[u8]) -> Result<Vec<u8>, &'static str> {
    const GAP: &[u8] = b"\r\n\r\n";
    let at = answer
        .windows(GAP.len())
        .position(|window| window == GAP)
        .ok_or("no HTTP answer")?;
    let (head, rest) = answer.split_at(at);
    let body = rest.get(GAP.len()..).unwrap_or_default();
    let head = str::from_utf8(head).map_err(|_| "no HTTP answer")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.") || status.split(' ').nth(1) != Some("200") {
        return Err("a status other than 200");
    }
    for line in lines {
        let (name, value) = line.split_once(':').ok_or("a damaged header")?;
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("a body in chunks");
        }
        let is_length = name.eq_ignore_ascii_case("content-length");
        if is_length && value.trim().parse::<usize>() != Ok(body.len()) {
            return Err("a body of another length than it says");
        }
    }
    Ok(body.to_vec())
}

fn unreachable(place: &Place<'_>, problem: &str) -> Failure {
    Failure::new(
        Code::Unreachable,
        format!("{} gives no certificates", place.host),
    )
    .with_sides("an answer with status 200", problem.to_owned())
}
