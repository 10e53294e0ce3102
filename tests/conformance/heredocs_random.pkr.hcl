locals {
  l00 = <<-EOT
    %{ if false }
        b c
    %{~ endif ~}
    EOT
  l01 = <<-EOT
%{~ for x in ["1","2"] }
  %{ if false ~}
    p%{ if true }q%{ else }r%{ endif }s
    ${"v"}

    x ${~ "v" ~} y
  %{ else ~}
  ${"v"} z
  $${y}
  %{ endif ~}
  a
    #x
%{ endfor ~}
%{~ if true }
  b c
${"v" ~}
%{ else ~}
%{ for x in ["1","2"] }
	t
  #x
%{ endfor }
  
#x
%{ endif ~}
a
    EOT
  l02 = <<EOT
    b c
  x ${~ "v" ~} y
  %{ for x in ["1","2"] }
    %{ for x in ["1","2"] }

      #x
      	t
      x ${~ "v" ~} y
    %{ endfor ~}
  %{ endfor ~}
EOT
  l03 = <<-EOT
    #x
      ${~ "v"}
    b c
    b c
    EOT
  l04 = <<-EOT
$${y}
#x
${~ "v"}
EOT
  l05 = <<-EOT
  %{ for x in ["1","2"] ~}
    a
    x ${~ "v" ~} y
    %{~ if false }
      ${"v"} z
    ${"v"} z
    x ${~ "v" ~} y
    %{~ else ~}
    ${~ "v"}
    %{~ endif ~}
  %{~ endfor }
    EOT
  l06 = <<-EOT
    ${~ "v"}
    %{~ for x in ["1","2"] ~}
      #x
      	t

    #x
    %{ endfor }
EOT
  l07 = <<-EOT

EOT
  l08 = <<EOT
    x ${~ "v" ~} y
      x ${~ "v" ~} y
    p%{ if true }q%{ else }r%{ endif }s
EOT
  l09 = <<-EOT

p%{ if true }q%{ else }r%{ endif }s
%{ if false }
  ${"v" ~}
 
  #x
  %{~ for x in ["1","2"] }
    {
  %{~ endfor ~}
%{ endif ~}
    EOT
  l10 = <<EOT
${"v"} z
EOT
  l11 = <<-EOT
%{ if false }
  ${~ "v"}
  %{ for x in ["1","2"] ~}
      p%{ if true }q%{ else }r%{ endif }s
      ${"v"}
  %{ endfor ~}
  %{ if true }
    p%{ if true }q%{ else }r%{ endif }s
  %{~ endif ~}
  %{~ if false ~}
    	t
  %{ else }

  b c
  x ${~ "v" ~} y
  ${"v"}
  %{ endif }
%{ else ~}
#x
%{ endif ~}
%{~ if true ~}
  ${"v"} z
%{~ else ~}
%{~ if true }
b c
	t
{
%{~ endif }
%{~ endif ~}
    EOT
  l12 = <<EOT
  p%{ if true }q%{ else }r%{ endif }s
%{~ if false ~}

%{ if true }
b c
#x
%{~ endif ~}
%{~ endif }
EOT
  l13 = <<-EOT
${"v" ~}

  ${~ "v"}
${~ "v"}
    EOT
  l14 = <<-EOT
%{ if false }
  a
%{ else ~}

%{ endif ~}
  {
#x
  p%{ if true }q%{ else }r%{ endif }s
    EOT
  l15 = <<-EOT
    b c
EOT
  l16 = <<-EOT
    ${~ "v"}
    ${"v"}
    EOT
  l17 = <<-EOT
  {
  a
    ${"v" ~}
    EOT
  l18 = <<EOT
  ${"v"}
  	t
EOT
  l19 = <<-EOT
    $${y}
    EOT
  l20 = <<EOT
%{ for x in ["1","2"] ~}
  a
%{ endfor ~}
EOT
  l21 = <<-EOT
  x ${~ "v" ~} y
%{~ for x in ["1","2"] ~}
    $${y}
  x ${~ "v" ~} y
    	t
 
%{~ endfor }
  ${~ "v"}
    EOT
  l22 = <<-EOT
      ${"v"}
    EOT
  l23 = <<-EOT
${"v"} z
EOT
  l24 = <<-EOT


  ${"v"}
    ${"v"} z
EOT
  l25 = <<-EOT
    ${"v" ~}
      b c
    b c
    EOT
  l26 = <<-EOT
    %{ for x in ["1","2"] ~}
      %{ if false ~}
      a
        ${"v" ~}
      %{ else }
      p%{ if true }q%{ else }r%{ endif }s
      ${"v"}
      %{ endif }
        {
      %{ if false ~}
        ${"v"}
        ${"v" ~}
          b c
        #x
      %{~ endif ~}
        x ${~ "v" ~} y
    %{ endfor ~}
EOT
  l27 = <<EOT

EOT
  l28 = <<-EOT
      {
    ${"v"} z
EOT
  l29 = <<-EOT
    ${"v"} z
    %{ if false ~}
     
    %{~ for x in ["1","2"] ~}
      ${~ "v"}
      {
        b c
    %{ endfor ~}
    b c
      $${y}
    %{~ else }
 
    %{~ endif }
    ${"v" ~}
EOT
  l30 = <<EOT
a
%{~ for x in ["1","2"] }
  %{ if true ~}
    ${"v"}
  %{~ else }

  ${"v"}
  %{~ endif }
  ${"v" ~}
    a
    	t
%{ endfor }
EOT
  l31 = <<EOT

%{ for x in ["1","2"] ~}
   
    a
  ${"v" ~}
%{ endfor }
%{~ for x in ["1","2"] ~}
%{~ for x in ["1","2"] ~}

%{~ endfor ~}
%{ if false }
  	t
$${y}
{
b c
%{ endif }
%{~ endfor }
EOT
  l32 = <<EOT
a
%{ for x in ["1","2"] ~}
  #x
  %{ if true ~}
      #x
      ${"v"} z

    ${"v" ~}
  %{ else ~}
    ${"v" ~}
    a
    $${y}
  	t
  %{ endif ~}
  %{ if false ~}
      ${"v"} z
      x ${~ "v" ~} y
    a
  %{ endif }
  %{~ for x in ["1","2"] ~}
    x ${~ "v" ~} y
  %{ endfor }
%{~ endfor ~}
EOT
  l33 = <<-EOT

  	t
    EOT
  l34 = <<-EOT
  #x
  %{ for x in ["1","2"] ~}
  %{ if true ~}
  #x
  #x
  b c
    ${"v"}
  %{ endif ~}
  %{~ if false }
  #x
  ${"v"} z
  x ${~ "v" ~} y
  %{ endif ~}
  ${"v"} z
  %{~ endfor }
    EOT
  l35 = <<-EOT
a
%{ for x in ["1","2"] ~}
  ${"v"}
	t
%{~ endfor }
%{ for x in ["1","2"] ~}
x ${~ "v" ~} y
%{ if true ~}
  ${~ "v"}
  a
${"v"} z
b c
%{~ endif ~}
%{ endfor ~}
$${y}
EOT
  l36 = <<-EOT
    	t
    EOT
  l37 = <<-EOT
  	t
EOT
  l38 = <<EOT
  x ${~ "v" ~} y
a
EOT
  l39 = <<EOT
%{ for x in ["1","2"] ~}
${"v" ~}
  	t
%{~ if false ~}
  
    {
%{ endif ~}
${"v"} z
%{ endfor }
  	t
EOT
}
source "null" "n" { communicator = "none" }
build { sources = ["null.n"] }
