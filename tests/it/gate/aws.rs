//! `cldkctl helper aws`: what a `credential_process` prints, by itself and for boto3.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::clients::{bin, said, sh};
use crate::support::steps::unlocked;
use crate::support::{World, skip};

const SECRET: &str = "otter-lantern-77-plum";

#[track_caller]
fn add(world: &World, place: &str, id: &str, more: &[&str], secret: &str) {
    let add = [
        "credential",
        "add",
        "aws",
        place,
        "--username",
        id,
        "--secret-stdin",
    ];
    world
        .cldkctl(add)
        .args(more)
        .stdin(secret)
        .run()
        .succeeded();
}

#[track_caller]
fn process(world: &World, args: &[&str]) -> Value {
    let output = world
        .cldkctl(["helper", "aws"])
        .args(args)
        .run()
        .succeeded();
    assert_eq!(output.stderr, "", "{output}");
    serde_json::from_str(&output.stdout).expect("JSON")
}

#[test]
fn the_credential_of_the_endpoint_is_printed() {
    let (_cloudeka, world) = unlocked(&[]);
    let none = world.cldkctl(["helper", "aws"]).run().expect_code(1);
    assert_eq!(
        (none.stdout.as_str(), none.stderr.lines().count()),
        ("", 1),
        "{none}"
    );
    add(&world, "https://s3.example", "AKIA1", &[], SECRET);
    let plain = json!({"Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": SECRET});
    assert_eq!(process(&world, &[]), plain);
    let more = ["--session-token", "--expires", "2999-01-31"];
    add(
        &world,
        "http://127.0.0.1:9000",
        "AKIA2",
        &more,
        "two\nsession",
    );
    assert_eq!(
        process(&world, &["--endpoint", "HTTPS://S3.Example:443/"]),
        plain
    );
    assert_eq!(
        process(&world, &["--endpoint", "http://127.0.0.1:9000/"]),
        json!({"Version": 1, "AccessKeyId": "AKIA2", "SecretAccessKey": "two", "SessionToken": "session",
            "Expiration": "2999-01-31T00:00:00Z"})
    );
    assert_eq!(process(&world, &["--username", "AKIA1"]), plain);
    for (args, code) in [
        (&[][..], 2),
        (&["--endpoint", "http://s3.example"], 1),
        (&["--endpoint", "https://s3.example:9000"], 1),
        (&["--endpoint", "https://s3.example.evil"], 1),
        (&["--endpoint", "s3://bucket"], 2),
        (&["--username", "AKIA3"], 1),
    ] {
        let output = world
            .cldkctl(["helper", "aws"])
            .args(args)
            .run()
            .expect_code(code);
        assert_eq!(
            (output.stdout.as_str(), output.stderr.lines().count()),
            ("", 1),
            "{output}"
        );
    }
}

/// The program that signs a request with what the helper prints.
const CLIENT: &str = r#"
import boto3, botocore.config, sys
s3 = boto3.Session(profile_name="cloudeka").client("s3", endpoint_url=sys.argv[1], region_name="x",
    config=botocore.config.Config(retries={"max_attempts": 0}, proxies={}))
print([bucket["Name"] for bucket in s3.list_buckets()["Buckets"]])
"#;

/// The head of the one request that comes, answered with a list of buckets.
fn one_request(listener: TcpListener) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("a request") == 1 {
            head.push(byte[0]);
        }
        let body = "<?xml version=\"1.0\"?><ListAllMyBucketsResult><Buckets><Bucket><Name>photos</Name>\
                    </Bucket></Buckets></ListAllMyBucketsResult>";
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .expect("an answer");
        String::from_utf8(head).expect("text")
    })
}

#[test]
fn boto3_signs_its_requests_with_it() {
    let (_cloudeka, world) = unlocked(&[]);
    if !sh(&world, "python3 -c 'import boto3'", &[])
        .status
        .success()
    {
        skip("python3 has no boto3");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    add(
        &world,
        &url,
        "AKIAEXAMPLE",
        &["--session-token"],
        &format!("{SECRET}\na-session-token"),
    );
    let program = bin(&world).join("cldkctl");
    let config = format!(
        "[profile cloudeka]\ncredential_process = {} helper aws --endpoint {url}\n",
        program.display()
    );
    let config = world.write("aws-config", config);
    world.write("client.py", CLIENT);
    let request = one_request(listener);
    let line = format!("python3 client.py {url}");
    let output = sh(
        &world,
        &line,
        &[("AWS_CONFIG_FILE", config.to_str().expect("text"))],
    );
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "['photos']\n");
    let head = request.join().expect("a request");
    assert!(head.contains("Credential=AKIAEXAMPLE/"), "{head}");
    assert!(
        head.to_lowercase()
            .contains("x-amz-security-token: a-session-token\r\n"),
        "{head}"
    );
    world.assert_no_secret(&[SECRET, "a-session-token"]);
}
