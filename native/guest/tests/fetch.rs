//! `--fetch-certs` against real sockets of this process.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs
)]

use podseal_guest::failure::Code;
use podseal_guest::fetch;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

/// Answers one request with `answer`; gives the address and, later, what was asked.
fn service(answer: Vec<u8>) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/certification", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut byte = [0_u8; 1];
        while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            asked.push(byte[0]);
        }
        drop(stream.write_all(&answer));
        String::from_utf8(asked).unwrap()
    });
    (url, served)
}

fn code_of(answer: &[u8]) -> Code {
    let (url, served) = service(answer.to_vec());
    let code = fetch::get(&url).unwrap_err().code;
    served.join().unwrap();
    code
}

#[test]
fn the_body_of_a_good_answer_is_given() {
    let (url, served) = service(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec());
    assert_eq!(fetch::get(&url).unwrap(), b"{}");
    let asked = served.join().unwrap();
    assert!(
        asked.starts_with("GET /certification HTTP/1.0\r\n"),
        "{asked}"
    );
    assert!(asked.contains("\r\nMetadata: true\r\n"), "{asked}");
}

#[test]
fn other_answers_are_failures() {
    for answer in [
        b"".as_slice(),
        b"{}",
        b"HTTP/1.1 404 Not Found\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}",
        b"\xff\xff 200\r\n\r\n{}",
    ] {
        assert_eq!(code_of(answer), Code::Unreachable, "{answer:?}");
    }
}

#[test]
fn an_answer_has_a_limit() {
    let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    let head = answer.len();
    answer.resize(1 << 20, b'x');
    let (url, served) = service(answer.clone());
    assert_eq!(fetch::get(&url).unwrap().len(), (1 << 20) - head);
    served.join().unwrap();
    answer.push(b'x');
    assert_eq!(code_of(&answer), Code::Limit);
}

#[test]
fn nobody_listening_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(fetch::get(&url).unwrap_err().code, Code::Unreachable);
}

#[test]
fn other_addresses_are_refused() {
    for url in [
        "https://169.254.169.254/x",
        "http://",
        "http:///x",
        "http://host",
        "http://user@host/x",
        "http://host/a b",
        "http://host/a\r\nX: y",
        "file:///etc/passwd",
    ] {
        assert_eq!(fetch::get(url).unwrap_err().code, Code::Usage, "{url}");
    }
}
