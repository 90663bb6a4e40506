{
  "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
  "verificationMaterial": {
    "publicKey": {
      "hint": "none"
    }
  },
  "dsseEnvelope": {
    "payloadType": "application/vnd.in-toto+json",
    "payload": "eyJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwgInN1YmplY3QiOiBbeyJuYW1lIjogIm1hbmlmZXN0IiwgImRpZ2VzdCI6IHsic2hhMjU2IjogIjhhZWQwZDk2Y2YwMzMyY2Y4MjZmNzI0YzMxZWY1NDQ3ZjhlMmJiMGUyZTQyNWEwNTU2YWNhOWUzZjMyNGQ1NjUifX1dLCAicHJlZGljYXRlVHlwZSI6ICJodHRwczovL21vZGVsX3NpZ25pbmcvc2lnbmF0dXJlL3YxLjAiLCAicHJlZGljYXRlIjogeyJzZXJpYWxpemF0aW9uIjogeyJtZXRob2QiOiAiZmlsZXMiLCAiaGFzaF90eXBlIjogInNoYTI1NiIsICJhbGxvd19zeW1saW5rcyI6IGZhbHNlfSwgInJlc291cmNlcyI6IFt7Im5hbWUiOiAiLiIsICJhbGdvcml0aG0iOiAic2hhMjU2IiwgImRpZ2VzdCI6ICI5NDZjMWMyZjI5MDc4NjViNjk4YzJlNzc3ZTA0YTk4Nzk2OTA4NDVhYWUzMTEyZTAxYzU2ZTBlZmI3MWEwZDY1In1dfX0=",
    "signatures": []
  }
}
