// Package oidctest is an OpenID Connect issuer for tests: real keys, real tokens, and
// everybody who comes is logged in at once. It holds its clients to what they must
// do: the redirect that was registered, PKCE, the secret, a code used once.
package oidctest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Issuer is an http.Handler. Its fields are set before it is served, or under Do.
type Issuer struct {
	// URL is its own address.
	URL string
	// ClientID and Secret are its one client's; Redirects are where it may come back to.
	ClientID, Secret string
	Redirects        []string
	// Methods are the ways in which it takes the secret; nil is that it does not say,
	// and takes it in the header.
	Methods []string
	// Claims are the person's.
	Claims map[string]any
	// Change makes a token wrong; nil for a right one.
	Change func(claims map[string]any)
	// Sign is the key that tokens are signed with; its own unless it is another one.
	Sign *rsa.PrivateKey
	// Refuse is the error that the login ends with; empty for none.
	Refuse string
	// End is its page to log out on, /logout of its own; empty if it names none.
	End string

	mu    sync.Mutex
	key   *rsa.PrivateKey
	codes map[string]url.Values // of the authorization request
	asked []string              // the paths
	in    map[string]bool       // the tokens of who is logged in
}

// New makes an issuer with a key of its own.
func New(clientID, secret string, claims map[string]any) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return &Issuer{ClientID: clientID, Secret: secret, Claims: claims, key: key, Sign: key, codes: make(map[string]url.Values), in: make(map[string]bool)}, nil
}

// Do changes the issuer while it is served.
func (i *Issuer) Do(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// Asked are the paths that it was asked for.
func (i *Issuer) Asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.asked)
}

// ServeHTTP answers as an issuer does.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, r.URL.Path)
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		said := map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
		}
		if i.End != "" {
			said["end_session_endpoint"] = i.End
		}
		if i.Methods != nil {
			said["token_endpoint_auth_methods_supported"] = i.Methods
		}
		answer(w, said)
	case "/keys":
		answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one",
			"n": text(i.key.N.Bytes()), "e": text(big.NewInt(int64(i.key.E)).Bytes()),
		}}})
	case "/authorize":
		i.authorize(w, r)
	case "/token":
		i.token(w, r)
	case "/logout":
		i.logout(w, r)
	default:
		http.NotFound(w, r)
	}
}

// authorize sends the browser back with a code.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("client_id") != i.ClientID, !slices.Contains(i.Redirects, q.Get("redirect_uri")):
		http.Error(w, "the client or its redirect is not registered", http.StatusBadRequest)
		return
	case q.Get("response_type") != "code", q.Get("code_challenge_method") != "S256", q.Get("code_challenge") == "", q.Get("state") == "", q.Get("nonce") == "":
		http.Error(w, "something is missing of "+r.URL.RawQuery, http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	if i.Refuse != "" {
		back.Set("error", i.Refuse)
		back.Set("error_description", "as the test wants it")
	} else {
		code := rand.Text()
		i.codes[code] = q
		back.Set("code", code)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

// token gives a token for a code, once.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	code := r.PostFormValue("code")
	q, known := i.codes[code]
	delete(i.codes, code)
	verifier := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if id != i.ClientID || secret != i.Secret || basic != i.wantsBasic() {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	if !known || q.Get("redirect_uri") != r.PostFormValue("redirect_uri") || q.Get("code_challenge") != text(verifier[:]) {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	token, err := i.idToken(q.Get("nonce"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	i.in[token] = true
	answer(w, map[string]any{"access_token": "of no use here", "token_type": "Bearer", "expires_in": 60, "id_token": token})
}

// logout sends who was logged in back (OpenID Connect RP-Initiated Logout 1.0, 2). Those
// whom it does not know by a token it would ask; here they stay.
func (i *Issuer) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	hint, back := q.Get("id_token_hint"), q.Get("post_logout_redirect_uri")
	switch {
	case q.Get("client_id") != i.ClientID, !slices.Contains(i.Redirects, back):
		http.Error(w, "the client or its redirect is not registered", http.StatusBadRequest)
	case !i.in[hint]:
		fmt.Fprintln(w, "Do you want to log out?")
	default:
		delete(i.in, hint)
		http.Redirect(w, r, back, http.StatusFound)
	}
}

// LoggedIn is how many are.
func (i *Issuer) LoggedIn() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.in)
}

// wantsBasic tells whether the client is to come with its secret in the header. One
// without a secret has nothing to put there.
func (i *Issuer) wantsBasic() bool {
	return i.Secret != "" && (i.Methods == nil || slices.Contains(i.Methods, "client_secret_basic"))
}

func (i *Issuer) idToken(nonce string) (string, error) {
	claims := map[string]any{
		"iss": i.URL, "aud": i.ClientID, "sub": "0042", "nonce": nonce,
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	for name, value := range i.Claims {
		claims[name] = value
	}
	if i.Change != nil {
		i.Change(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := text([]byte(`{"alg":"RS256","kid":"one","typ":"JWT"}`)) + "." + text(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.Sign, crypto.SHA256, sum[:])
	return signed + "." + text(signature), err
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q}`, code)
}
