//! A channel of Slack: an incoming webhook, and a file in which people read what it was told.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::files::Error;

/// How long a message may take to arrive, on a machine that builds at the same time.
const MESSAGE_MAX: Duration = Duration::from_secs(60);

/// The most bytes of a message; what is longer is no alert.
const BYTES_MAX: u64 = 64 * 1024;

/// A running receiver; it ends when this is dropped.
pub(crate) struct Chat {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    receiver: Option<JoinHandle<()>>,
}

impl Chat {
    /// Listens on a free port, and writes down each message in the file `slack` of this folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("slack");
        let failed = |source| Error::File { path: path.clone(), source };
        let mut heard = File::create(&path).map_err(failed)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::Chat)?;
        let address = listener.local_addr().map_err(Error::Chat)?;
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let receiver = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                // What is no message is not written down, which shows in what is compared.
                if let Ok(message) = receive(stream) {
                    let _ = writeln!(heard, "{}", line(&message));
                }
            }
        });
        Ok(Self { address, over, receiver: Some(receiver) })
    }

    /// The URL of the incoming webhook.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/services/incoming", self.address)
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // So that it looks; one that has ended already refuses, which is as good.
        drop(TcpStream::connect(self.address));
        let _ = self.receiver.take().map(JoinHandle::join);
    }
}

/// Reads the message that is posted, and answers as Slack does.
fn receive(mut stream: TcpStream) -> io::Result<Value> {
    stream.set_read_timeout(Some(MESSAGE_MAX))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(BYTES_MAX));
    let (mut length, mut head) = (0, String::new());
    while reader.read_line(&mut head)? != 0 && !head.trim().is_empty() {
        if let Some(number) = head.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
        }
        head.clear();
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")?;
    Ok(serde_json::from_slice(&body)?)
}

/// A message as people see it: where, by whom, in which colour, about what, and the fields below.
fn line(message: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attachment = &message["attachments"][0];
    let fields = attachment["fields"].as_array().into_iter().flatten();
    let fields = fields.map(|field| format!(" | {}: {}", text(&field["title"]), text(&field["value"])));
    format!(
        "{} {} ({}) {}: {}{}",
        text(&message["channel"]),
        text(&message["username"]),
        text(&attachment["color"]),
        text(&attachment["author_name"]),
        text(&attachment["text"]),
        fields.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_a_line_of_what_people_see() {
        let fields = json!([{"title": "Target", "value": "Deployment/a.b"}, {"title": "Cluster", "value": "east"}]);
        let attachment = json!({"color": "good", "author_name": "a.b", "text": "New revision", "fields": fields});
        let message = json!({"channel": "#dev", "username": "Flagger", "attachments": [attachment]});
        assert_eq!(line(&message), "#dev Flagger (good) a.b: New revision | Target: Deployment/a.b | Cluster: east");
    }
}
