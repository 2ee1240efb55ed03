// Package signon has people log in at an OpenID Connect issuer: the authorization
// code flow with PKCE, state and nonce. It says who somebody is and what role their
// claims give them; it keeps no session. What a browser must bring back is sealed
// into a text for its cookie, so that nothing is kept of logins that never end.
//
// Sources: OpenID Connect Core 1.0; RFC 7636 (PKCE); RFC 9700 (best current practice).
package signon
