//! One mesh, gateway or ingress a file: traffic splits to objects and back.
