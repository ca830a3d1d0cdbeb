module github.com/fob-auth/fob/firmware/board

go 1.26.0

require github.com/fob-auth/fob v0.0.0

replace github.com/fob-auth/fob => ../..
