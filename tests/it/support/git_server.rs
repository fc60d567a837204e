//! A git server on loopback: `git http-backend` behind basic authentication.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pty::feed;
use super::starting;

/// It serves the repositories in a folder to one user, until it is dropped with the test.
pub struct GitServer {
    port: u16,
    login: Arc<Mutex<String>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl GitServer {
    #[track_caller]
    pub fn start(folder: &Path, username: &str, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = Self {
            port: listener.local_addr().expect("an address").port(),
            login: Arc::new(Mutex::new(format!("{username}:{password}"))),
            seen: Arc::default(),
        };
        let (login, seen) = (Arc::clone(&server.login), Arc::clone(&server.seen));
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let login = login.lock().unwrap().clone();
                let _ = answer(stream, &folder, &login, &seen);
            }
        });
        server
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on this is the password.
    pub fn rotate(&self, username: &str, password: &str) {
        *self.login.lock().unwrap() = format!("{username}:{password}");
    }

    /// The logins that clients came with, `USER:PASSWORD`.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn answer(
    stream: TcpStream,
    folder: &Path,
    login: &str,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
    let [method, target, ..] = &words[..] else {
        return Ok(());
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let header = |name: &str| {
        let found = headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    };
    let length = header("content-length").and_then(|it| it.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let basic = header("authorization").and_then(|it| it.strip_prefix("Basic "));
    let came = basic.and_then(|it| STANDARD.decode(it).ok());
    let came = came.map(|it| String::from_utf8_lossy(&it).into_owned());
    seen.lock().unwrap().extend(came.clone());
    let mut stream = stream;
    if came.as_deref() != Some(login) {
        return stream.write_all(
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n\
              Content-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("HOME", folder)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", method)
        .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("REMOTE_USER", "sari")
        .env("REMOTE_ADDR", "127.0.0.1")
        .envs(header("content-encoding").map(|it| ("HTTP_CONTENT_ENCODING", it)))
        .envs(header("git-protocol").map(|it| ("GIT_PROTOCOL", it)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let starting = starting();
    let mut child = command.spawn()?;
    drop(starting);
    feed(child.stdin.take().expect("a pipe"), body);
    let output = child.wait_with_output()?.stdout;
    let text = String::from_utf8_lossy(&output[..output.len().min(2000)]).into_owned();
    let status = text
        .strip_prefix("Status: ")
        .and_then(|it| it.lines().next());
    stream.write_all(format!("HTTP/1.1 {}\r\n", status.unwrap_or("200 OK")).as_bytes())?;
    stream.write_all(b"Connection: close\r\n")?;
    stream.write_all(&output)
}

/// A bare repository with one commit, `NAME.git` in a new folder.
#[track_caller]
pub fn repository(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(format!("{name}.git"));
    let script = "git init -q -b main work && cd work && git -c user.name=s -c user.email=s@x \
                  commit -q --allow-empty -m first && cd .. && git clone -q --bare work \"$0\" && \
                  git -C \"$0\" config http.receivepack true && rm -r work";
    let starting = starting();
    let done = Command::new("bash")
        .args(["-ec", script])
        .arg(&path)
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .expect("bash runs");
    drop(starting);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    path
}
