locals {
  a = md5("x")
  b = sha256("x")
  c = uuidv5("dns", "example.com")
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
