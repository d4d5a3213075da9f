//! What a person reads when there is no way to the cluster.

use std::error::Error;
use std::path::{Path, PathBuf};

use flagger_operator::cluster::{Access, Cluster, ConnectError, connect};
use tokio::net::TcpListener;

fn written(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn kubeconfig(server: &str, context: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
         clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         users: [{{name: u, user: {{}}}}]\n\
         contexts: [{{name: laptop, context: {{cluster: c, user: u}}}}]\n"
    )
}

async fn refused(kubeconfig: PathBuf) -> ConnectError {
    connect(&Access { kubeconfig: Some(kubeconfig), master: None }).await.err().unwrap()
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_named() {
    let error = refused(PathBuf::from("/nowhere/kubeconfig")).await;
    assert_eq!(error.to_string(), "failed to load kubeconfig /nowhere/kubeconfig");
    assert!(error.source().unwrap().to_string().contains("No such file"), "{error:?}");
    assert!(error.hint().contains("-kubeconfig"));
}

#[tokio::test]
async fn a_context_that_is_not_in_the_kubeconfig_is_named() {
    let path = written("no-context.yaml", &kubeconfig("http://127.0.0.1:1", "moon"));
    let error = refused(path.clone()).await;
    assert_eq!(error.to_string(), format!("failed to load kubeconfig {}, context moon", path.display()));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_named_with_file_and_context() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let path = written("unreachable.yaml", &kubeconfig(&format!("http://{address}"), "laptop"));
    let error = refused(path.clone()).await;
    let expected =
        format!("failed to reach the API server http://{address}/ (kubeconfig {}, context laptop)", path.display());
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.source().unwrap().to_string(), "failed to get the server version: connection refused");
    assert!(error.hint().contains("current-context"));
}

#[tokio::test]
async fn master_wins_over_the_address_in_the_kubeconfig() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let path = written("master.yaml", &kubeconfig("http://192.0.2.1", "laptop"));
    let access = Access { kubeconfig: Some(path), master: Some(format!("http://{address}")) };
    let error = connect(&access).await.err().unwrap();
    assert!(error.to_string().contains(&format!("http://{address}/")), "{error}");
    let access = Access { master: Some("not a url".to_owned()), ..access };
    assert!(matches!(connect(&access).await.err().unwrap(), ConnectError::Master(text) if text == "not a url"));
}

#[tokio::test]
async fn a_certificate_authority_in_the_kubeconfig_is_trusted_and_no_other() {
    let server = format!("https://{}", crate::web::start_tls().await);
    let plain = kubeconfig(&server, "laptop");
    let authority =
        format!("server: '{server}', certificate-authority: '{}/tests/shell/tls/cert.pem'", env!("CARGO_MANIFEST_DIR"));
    let trusting = plain.replace(&format!("server: '{server}'"), &authority);
    let access = Access { kubeconfig: Some(written("trusting.yaml", &trusting)), master: None };
    let client = connect(&access).await.unwrap();
    let version = Cluster::new(client).version().await.unwrap();
    assert_eq!(version.text, "v1.34.0");

    let error = refused(written("suspicious.yaml", &plain)).await;
    assert!(error.source().unwrap().to_string().contains("certificate"), "{error:?}");
}
