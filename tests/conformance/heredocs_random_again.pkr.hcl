locals {
  l00 = <<-EOT
      $${y}

    %{~ if false }
        ${"v" ~}
        a
      %{ if true }
      a
      ${"v"}
      %{~ endif ~}
      ${"v"}
    %{ else }
    a
    %{ endif }
    a
    EOT
  l01 = <<-EOT
      ${"v" ~}
    {

    %{ if true }
      ${"v"}
      ${"v"} z
    %{ else }
    $${y}
    #x
      ${"v" ~}
    %{ for x in ["1","2"] }
      $${y}
      x ${~ "v" ~} y
      $${y}
    %{~ endfor ~}
    %{ endif }
    EOT
  l02 = <<EOT
%{ if false ~}
  #x
  a
%{ else }
#x
%{ endif }
%{~ for x in ["1","2"] ~}
  x ${~ "v" ~} y
%{ if true }
  $${y}
  b c
%{ endif ~}
  ${~ "v"}
x ${~ "v" ~} y
%{ endfor }
	t
a
EOT
  l03 = <<-EOT
    $${y}
    	t
      {
    EOT
  l04 = <<-EOT
    	t
    %{~ if false }
    %{ if true ~}
        $${y}
        a
        $${y}
      a
    %{~ else ~}
    ${"v"} z
    ${"v"}
    %{~ endif ~}
    %{~ else ~}
    %{~ for x in ["1","2"] }
      a
 
    %{ endfor ~}
    	t
    ${"v" ~}
    %{~ endif ~}
    ${~ "v"}
      ${"v"}
EOT
  l05 = <<-EOT
    x ${~ "v" ~} y
    EOT
  l06 = <<EOT
    ${"v"}
EOT
  l07 = <<-EOT
${"v"} z
EOT
  l08 = <<EOT
a
  ${~ "v"}
EOT
  l09 = <<-EOT
    ${"v"}
    	t
  %{~ for x in ["1","2"] }
    p%{ if true }q%{ else }r%{ endif }s
  ${"v"}
  %{ for x in ["1","2"] }
   
    ${"v"} z
    	t
  %{ endfor ~}
  %{ if false ~}
      	t
      ${~ "v"}
  %{ endif }
  %{~ endfor ~}
    EOT
  l10 = <<EOT
    ${"v"} z
EOT
  l11 = <<EOT
    	t
      b c
      #x
EOT
  l12 = <<-EOT
      $${y}
EOT
  l13 = <<EOT
    $${y}
EOT
  l14 = <<-EOT
  %{~ if true }
    %{ for x in ["1","2"] ~}
      {
    $${y}
    %{ endfor }
  %{~ else ~}
    ${"v"} z
  %{~ if false }
    ${"v" ~}
  {
  %{ endif }
  %{ for x in ["1","2"] }
    
    #x
  $${y}
  %{ endfor }
  %{~ endif ~}
  $${y}
  ${"v"}
EOT
  l15 = <<-EOT
%{~ for x in ["1","2"] }
	t
%{ for x in ["1","2"] }
    b c
  ${"v" ~}
  #x
  ${"v"}
%{~ endfor }
%{ endfor }
EOT
  l16 = <<-EOT

    EOT
  l17 = <<EOT

    %{ if true }
      b c
      %{~ for x in ["1","2"] ~}
          b c
      %{~ endfor }
        a
      ${"v" ~}
    %{~ endif }
EOT
  l18 = <<EOT
  #x
EOT
  l19 = <<EOT
{
%{~ if false ~}
b c
%{ endif ~}
EOT
  l20 = <<-EOT
  %{~ if true ~}
      a
      b c
      {
  %{~ endif ~}
  %{~ if false }
    a
      	t
    %{ if true }
    ${"v"}
    ${"v" ~}
    %{ endif ~}
  %{ else ~}
    ${"v"}
    #x
  %{~ if false ~}
  	t
    	t
  ${"v" ~}
  %{~ else ~}
    b c

  x ${~ "v" ~} y
  %{~ endif ~}
  ${"v"} z
  %{ endif ~}
  %{~ for x in ["1","2"] ~}
      b c
     
  %{ endfor }

EOT
  l21 = <<-EOT
    p%{ if true }q%{ else }r%{ endif }s
    %{ if true ~}
      x ${~ "v" ~} y
    %{~ endif ~}
      b c
EOT
  l22 = <<-EOT
    #x
      	t
    ${"v"}
    EOT
  l23 = <<EOT
    %{~ if false }

        x ${~ "v" ~} y
    %{~ else ~}

    %{ if false }

    %{~ else }
    p%{ if true }q%{ else }r%{ endif }s
    %{~ endif }
    %{ if false }
      #x

    ${"v"}
    ${"v"} z
    %{~ endif }
    p%{ if true }q%{ else }r%{ endif }s
    %{~ endif ~}
      {
EOT
  l24 = <<-EOT

  ${~ "v"}
  ${"v"} z
  %{ if true ~}
  #x
  b c
  %{~ else }
    ${~ "v"}
  ${"v"} z
  %{~ endif }
    EOT
  l25 = <<-EOT
  p%{ if true }q%{ else }r%{ endif }s
  ${"v" ~}
  ${"v"}
  	t
    EOT
  l26 = <<EOT
    ${"v" ~}
    %{ for x in ["1","2"] ~}
      $${y}
      %{~ for x in ["1","2"] }
      $${y}
      p%{ if true }q%{ else }r%{ endif }s
      %{ endfor }
    %{~ endfor ~}
    	t
EOT
  l27 = <<-EOT
%{ if false ~}
  %{~ for x in ["1","2"] ~}
    b c
    ${"v" ~}
    ${"v" ~}
    ${~ "v"}
  %{~ endfor ~}
  x ${~ "v" ~} y
  
  #x
%{ endif }

b c
{
    EOT
  l28 = <<EOT
    b c
    ${"v" ~}
    a
EOT
  l29 = <<EOT
    %{ if true }
    	t
    %{ if true }
        ${~ "v"}
    %{~ endif ~}
      	t
    %{ endif ~}
EOT
  l30 = <<-EOT
#x
%{~ if true ~}
    ${"v"}
    	t
%{ endif }
  	t
EOT
  l31 = <<-EOT
${~ "v"}
a
    EOT
  l32 = <<EOT
  ${"v"}
{
EOT
  l33 = <<-EOT
$${y}
$${y}
b c
EOT
  l34 = <<-EOT

    %{ for x in ["1","2"] ~}
      b c
    %{~ endfor }
    %{~ if true }
      p%{ if true }q%{ else }r%{ endif }s
    %{ endif }

    EOT
  l35 = <<-EOT
    x ${~ "v" ~} y
      $${y}
    a
    %{~ if false ~}
    %{~ if true }
      b c
      	t
    %{~ endif }
    x ${~ "v" ~} y
    %{~ else ~}
    b c
    %{~ if false }
      ${"v"} z
    %{~ endif }
    ${~ "v"}
    %{~ if true }
      p%{ if true }q%{ else }r%{ endif }s
        p%{ if true }q%{ else }r%{ endif }s
      p%{ if true }q%{ else }r%{ endif }s
        p%{ if true }q%{ else }r%{ endif }s
    %{~ endif ~}
    %{~ endif ~}
EOT
  l36 = <<EOT
    %{ if true }
      ${"v"}
      %{~ for x in ["1","2"] }

      x ${~ "v" ~} y
      p%{ if true }q%{ else }r%{ endif }s
      %{ endfor ~}
    %{~ else ~}
    %{ if false ~}
      {
    %{ endif ~}
    b c
    %{~ endif ~}
    %{~ for x in ["1","2"] }
      %{~ if false }
        ${"v"}
        #x
        ${"v"} z
      %{ endif }
      $${y}
      %{~ if false ~}
      $${y}

        a
      x ${~ "v" ~} y
      %{ endif }
      ${"v" ~}
    %{ endfor }
EOT
  l37 = <<-EOT
    ${~ "v"}
    EOT
  l38 = <<EOT
    {
EOT
  l39 = <<-EOT
  %{~ if false ~}
    	t
  %{~ if true }
  ${"v"}
  %{ endif }
  %{~ endif }
    x ${~ "v" ~} y
  %{ for x in ["1","2"] }
    b c
    	t
    ${~ "v"}
  %{~ endfor ~}
    	t
EOT
}
source "null" "n" { communicator = "none" }
build { sources = ["null.n"] }
