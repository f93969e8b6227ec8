package h3

// DialUDP is how a Client without a Dial connects.
var DialUDP = dialUDP
