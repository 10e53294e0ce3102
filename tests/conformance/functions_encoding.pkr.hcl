locals {
  a = base64encode("é")
  b = jsonencode({ b = [1, null, true], a = "<" })
  c = jsondecode("{\"a\": [1, \"x\"]}").a[1]
  d = yamldecode("a: [1, {b: c}]").a[1].b
  e = urlencode("a b")
  f = csvdecode("a,b\n1,2\n")[0].b
}
source "null" "n" {
  communicator = "none"
}
build {
  sources = ["null.n"]
}
