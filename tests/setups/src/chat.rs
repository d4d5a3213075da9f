//! A chat that takes what Slack takes, and writes down what it is told.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::files::Error;
use crate::ledger::unmeasured;

/// How long a message may take to arrive, on a machine that builds at the same time.
const MESSAGE_MAX: Duration = Duration::from_secs(60);

/// The longest message that is read.
const BYTES_MAX: usize = 1 << 20;

/// The open chat; it closes when this is dropped.
pub(crate) struct Chat {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Chat {
    /// Opens it on a free port; messages go to the file `slack` in this folder, a line each.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("slack");
        let failed = |source| Error::File { path: path.clone(), source };
        let mut file = File::create(&path).map_err(failed)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                // What is missing shows in what is compared.
                let _ = stream.and_then(|stream| take(&stream, &mut file));
            }
        });
        Ok(Self { address, is_over })
    }

    /// Where messages are posted.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // It waits for the next client. If it can't be reached, it ends with the process.
        let _ = TcpStream::connect(self.address);
    }
}

/// Writes down the body of one request, and answers as Slack does.
fn take(stream: &TcpStream, file: &mut File) -> io::Result<()> {
    stream.set_read_timeout(Some(MESSAGE_MAX))?;
    let mut reader = BufReader::new(stream);
    let (mut length, mut header) = (0, String::new());
    while reader.read_line(&mut header)? != 0 && !header.trim().is_empty() {
        if let Some(("content-length", value)) = header.to_ascii_lowercase().split_once(':') {
            length = value.trim().parse().unwrap_or_default();
        }
        header.clear();
    }
    let mut body = vec![0; BYTES_MAX.min(length)];
    reader.read_exact(&mut body)?;
    writeln!(file, "{}", line(&serde_json::from_slice(&body)?))?;
    let mut stream = stream;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

/// What somebody in the channel sees, without what is measured.
fn line(message: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attachment = &message["attachments"][0];
    let fields = attachment["fields"].as_array().into_iter().flatten();
    let fields: Vec<_> = fields.map(|field| format!("{} {}", word(&field["title"]), word(&field["value"]))).collect();
    let [channel, sender] = ["channel", "username"].map(|name| word(&message[name]));
    let [color, canary, text] = ["color", "author_name", "text"].map(|name| word(&attachment[name]));
    let line = format!("#{} {sender}: [{color}] {canary}: {text}", channel.trim_start_matches('#'));
    let line = if fields.is_empty() { line } else { format!("{line} ({})", fields.join(", ")) };
    unmeasured(&line).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_a_line() {
        let message = json!({
            "channel": "general", "username": "flagger",
            "attachments": [{"color": "danger", "author_name": "podinfo.test", "text": "Rolled back: 61.5% < 99%",
                "fields": [{"title": "Target", "value": "Deployment/podinfo.test"}]}],
        });
        let expected =
            "#general flagger: [danger] podinfo.test: Rolled back: <measured> < 99% (Target Deployment/podinfo.test)";
        assert_eq!(line(&message), expected);

        let folder = std::env::temp_dir().join(format!("flagger-chat-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let chat = Chat::open(&folder).unwrap();
        let mut stream = TcpStream::connect(chat.address).unwrap();
        let body = message.to_string();
        write!(stream, "POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ok"), "{answer}");
        assert_eq!(fs::read_to_string(folder.join("slack")).unwrap(), format!("{expected}\n"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
