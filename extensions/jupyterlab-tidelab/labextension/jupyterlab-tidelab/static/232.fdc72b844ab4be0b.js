"use strict";(self.rspackChunkjupyterlab_tidelab=self.rspackChunkjupyterlab_tidelab||[]).push([[232],{475(e,t,r){var o=r(601),n=r.n(o),a=r(314),i=(r.n(a))()(n());i.push([e.id,`/* Colours are the theme's own, so that light, dark and high-contrast themes hold. */
.tide-panel {
  overflow-y: auto;
  padding: 8px 12px 24px;
  min-width: 220px;
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  font-size: var(--jp-ui-font-size1);
  line-height: 1.45;
}

.tide-panel:focus {
  outline: none;
}

.tide-panel h2 {
  margin: 16px 0 6px;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
  color: var(--jp-ui-font-color0);
  border-bottom: var(--jp-border-width) solid var(--jp-border-color2);
}

.tide-panel dl {
  margin: 0;
}

.tide-panel dl > div {
  display: flex;
  gap: 8px;
  padding: 2px 0;
}

.tide-panel dt {
  flex: 0 0 88px;
  color: var(--jp-ui-font-color2);
}

.tide-panel dd {
  flex: 1;
  margin: 0;
  min-width: 0;
  overflow-wrap: anywhere;
}

.tide-note {
  margin: 6px 0;
  overflow-wrap: anywhere;
}

.tide-note[data-level='ok'],
.tide-note[data-level='warning'],
.tide-note[data-level='failed'],
.tide-note[data-level='running'] {
  padding: 4px 8px;
  border-left: 4px solid var(--jp-border-color1);
  background: var(--jp-layout-color2);
}

.tide-note[data-level='ok'] {
  border-left-color: var(--jp-success-color1);
}

.tide-note[data-level='warning'] {
  border-left-color: var(--jp-warn-color1);
}

.tide-note[data-level='failed'] {
  border-left-color: var(--jp-error-color1);
}

.tide-selftest small {
  color: var(--jp-ui-font-color2);
}

.tide-selftest ul,
.tide-links,
.tide-runs {
  margin: 4px 0;
  padding-left: 0;
  list-style: none;
}

.tide-runs li {
  padding: 2px 0 6px;
}

.tide-runs strong,
.tide-runs span {
  display: block;
  overflow-wrap: anywhere;
}

.tide-runs progress {
  width: 100%;
}

.tide-links a {
  color: var(--jp-content-link-color);
  text-decoration: underline;
}

.tide-links li {
  padding: 2px 0;
}

.tide-actions {
  display: flex;
  flex-wrap: wrap;
  gap: 8px;
  margin: 8px 0;
}

.tide-figure {
  margin: 8px 0;
}

.tide-figure figcaption {
  color: var(--jp-ui-font-color2);
}

.tide-chart {
  display: block;
  width: 100%;
  max-width: 360px;
}

.tide-grid {
  stroke: var(--jp-border-color1);
  stroke-width: 0.5;
}

.tide-line {
  fill: none;
  stroke: var(--jp-brand-color1);
  stroke-width: 1.5;
  vector-effect: non-scaling-stroke;
}

.tide-point {
  fill: var(--jp-brand-color1);
}

.tide-axis {
  fill: var(--jp-ui-font-color2);
  font-size: 11px;
}

.tide-item {
  border: 0;
  padding: 0 6px;
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
  white-space: nowrap;
}

.tide-item:hover {
  background: var(--jp-layout-color3);
}

.tide-item:focus-visible,
.tide-panel a:focus-visible,
.tide-panel button:focus-visible,
.tide-panel summary:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.tide-item[data-level='warning'],
.tide-item[data-level='failed'] {
  font-weight: 600;
  text-decoration: underline;
}
`,""]),r.d(t,{},{A:i})},314(e){e.exports=function(e){var t=[];return t.toString=function(){return this.map(function(t){var r="",o=void 0!==t[5];return t[4]&&(r+="@supports (".concat(t[4],") {")),t[2]&&(r+="@media ".concat(t[2]," {")),o&&(r+="@layer".concat(t[5].length>0?" ".concat(t[5]):""," {")),r+=e(t),o&&(r+="}"),t[2]&&(r+="}"),t[4]&&(r+="}"),r}).join("")},t.i=function(e,r,o,n,a){"string"==typeof e&&(e=[[null,e,void 0]]);var i={};if(o)for(var l=0;l<this.length;l++){var d=this[l][0];null!=d&&(i[d]=!0)}for(var s=0;s<e.length;s++){var c=[].concat(e[s]);o&&i[c[0]]||(void 0!==a&&(void 0===c[5]||(c[1]="@layer".concat(c[5].length>0?" ".concat(c[5]):""," {").concat(c[1],"}")),c[5]=a),r&&(c[2]&&(c[1]="@media ".concat(c[2]," {").concat(c[1],"}")),c[2]=r),n&&(c[4]?(c[1]="@supports (".concat(c[4],") {").concat(c[1],"}"),c[4]=n):c[4]="".concat(n)),t.push(c))}},t}},601(e){e.exports=function(e){return e[1]}},72(e){var t=[];function r(e){for(var r=-1,o=0;o<t.length;o++)if(t[o].identifier===e){r=o;break}return r}function o(e,o){for(var n={},a=[],i=0;i<e.length;i++){var l=e[i],d=o.base?l[0]+o.base:l[0],s=n[d]||0,c="".concat(d," ").concat(s);n[d]=s+1;var p=r(c),u={css:l[1],media:l[2],sourceMap:l[3],supports:l[4],layer:l[5]};if(-1!==p)t[p].references++,t[p].updater(u);else{var f=function(e,t){var r=t.domAPI(t);return r.update(e),function(t){t?(t.css!==e.css||t.media!==e.media||t.sourceMap!==e.sourceMap||t.supports!==e.supports||t.layer!==e.layer)&&r.update(e=t):r.remove()}}(u,o);o.byIndex=i,t.splice(i,0,{identifier:c,updater:f,references:1})}a.push(c)}return a}e.exports=function(e,n){var a=o(e=e||[],n=n||{});return function(e){e=e||[];for(var i=0;i<a.length;i++){var l=r(a[i]);t[l].references--}for(var d=o(e,n),s=0;s<a.length;s++){var c=r(a[s]);0===t[c].references&&(t[c].updater(),t.splice(c,1))}a=d}}},659(e){var t={};e.exports=function(e,r){var o=function(e){if(void 0===t[e]){var r=document.querySelector(e);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(e){r=null}t[e]=r}return t[e]}(e);if(!o)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");o.appendChild(r)}},540(e){e.exports=function(e){var t=document.createElement("style");return e.setAttributes(t,e.attributes),e.insert(t,e.options),t}},56(e,t,r){e.exports=function(e){var t=r.nc;t&&e.setAttribute("nonce",t)}},825(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var t=e.insertStyleElement(e);return{update:function(r){var o,n,a;o="",r.supports&&(o+="@supports (".concat(r.supports,") {")),r.media&&(o+="@media ".concat(r.media," {")),(n=void 0!==r.layer)&&(o+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),o+=r.css,n&&(o+="}"),r.media&&(o+="}"),r.supports&&(o+="}"),(a=r.sourceMap)&&"u">typeof btoa&&(o+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),e.styleTagTransform(o,t,e.options)},remove:function(){var e;null===(e=t).parentNode||e.parentNode.removeChild(e)}}}},113(e){e.exports=function(e,t){if(t.styleSheet)t.styleSheet.cssText=e;else{for(;t.firstChild;)t.removeChild(t.firstChild);t.appendChild(document.createTextNode(e))}}},579(e,t,r){var o=r(72),n=r.n(o),a=r(825),i=r.n(a),l=r(659),d=r.n(l),s=r(56),c=r.n(s),p=r(540),u=r.n(p),f=r(113),v=r.n(f),h=r(475),m={};m.styleTagTransform=v(),m.setAttributes=c(),m.insert=d().bind(null,"head"),m.domAPI=i(),m.insertStyleElement=u(),n()(h.A,m),h.A&&h.A.locals&&h.A.locals}}]);